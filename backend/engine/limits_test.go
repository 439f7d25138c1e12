// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

const project = backend.DefaultProject

// limited is a backend with the environment dev, for requests that reach a limit.
func limited(t *testing.T) backend.Service {
	t.Helper()
	s := embedded(t, open.Config{}).Engine
	quota := 5000
	apply(t, s, backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project,
		Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: project, Name: "dev"})
	return s
}

func apply(t *testing.T, s backend.Service, changes ...backend.Change) []backend.Outcome {
	t.Helper()
	out, err := s.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func secretOf(name string, size int) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: project, Environment: "dev", Name: name,
		Value: backend.PlaintextString(strings.Repeat("x", size))}
}

func typeWith(name, schema string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: name,
		Schema: []byte(schema)}
}

func schemaOf(bytes int) string { return fmt.Sprintf(`{"title": %q}`, strings.Repeat("x", bytes)) }

// allocated returns the bytes that f allocates, also those that are freed meanwhile.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func tooLarge(t *testing.T, err error, want string) {
	t.Helper()
	if !errors.Is(err, backend.ErrTooLarge) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want ErrTooLarge with %q", err, want)
	}
}

func TestResolveHasALimitOfBytes(t *testing.T) {
	s := limited(t)
	apply(t, s, secretOf("large", 65_536))
	const writes = 300
	for i := range writes {
		apply(t, s, secretOf("versions", 65_000+i))
	}
	var large []backend.Change
	for i := range 600 {
		large = append(large, secretOf(fmt.Sprint("large", i), 65_536))
	}
	apply(t, s, large...)
	ref := backend.Ref{Kind: backend.KindSecret, Project: project, Environment: "dev"}
	const many = "many secrets" // more bytes than are read before the size of each value is known
	for name, refs := range map[string][]backend.Ref{
		"one secret": refsOf(ref, 5000, func(r *backend.Ref, _ int) { r.Name = "large" }),
		"fields":     refsOf(ref, 5000, func(r *backend.Ref, _ int) { r.Name, r.Field = "large", "a" }),
		"versions": refsOf(ref, 5000, func(r *backend.Ref, i int) {
			r.Name, r.Version = "versions", fmt.Sprint(i%writes+1)
		}),
		many: refsOf(ref, 600, func(r *backend.Ref, i int) { r.Name = fmt.Sprint("large", i) }),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			n := allocated(func() { _, err = s.Resolve(context.Background(), refs) })
			want := "read values of more than 16777216 bytes"
			if name == many {
				want = "read values of more than 33554432 bytes"
			}
			tooLarge(t, err, want)
			if n > 200<<20 {
				t.Errorf("the refused call allocated %d MB", n>>20)
			}
		})
	}
	if out, err := s.Resolve(context.Background(), refsOf(ref, 200, func(r *backend.Ref, _ int) {
		r.Name = "large"
	})); err != nil || out[199].Value.Len() != 65_536 {
		t.Errorf("200 references: %v", err)
	}
}

func refsOf(r backend.Ref, n int, set func(*backend.Ref, int)) []backend.Ref {
	refs := make([]backend.Ref, n)
	for i := range refs {
		refs[i] = r
		set(&refs[i], i)
	}
	return refs
}

func TestOutcomesHaveALimitOfBytes(t *testing.T) {
	s := limited(t)
	apply(t, s, typeWith("large", schemaOf(65_000)))
	changes := make([]backend.Change, backend.MaxChanges)
	for i := range changes {
		changes[i] = backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecretType, Project: project, Name: "large"}
	}
	for _, dryRun := range []bool{true, false} {
		_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: changes, DryRun: dryRun})
		tooLarge(t, err, "the outcomes of the call have more than 16777216 bytes")
	}
}

func TestAPageHasALimitOfBytes(t *testing.T) {
	s := limited(t)
	var values []backend.Change
	for i := range 250 {
		values = append(values, backend.Change{Op: backend.OpCreate, Kind: backend.KindScopedValue, Project: project,
			Environment: "dev", Name: fmt.Sprintf("v%03d", i), JSON: []byte(`"` + strings.Repeat("x", 60_000) + `"`)})
	}
	for i := range 250 {
		values = append(values, secretOf(fmt.Sprint("s", i), 1))
	}
	apply(t, s, values...)
	q := backend.Query{Kind: backend.KindScopedValue, Project: project}
	page, err := s.Query(context.Background(), q)
	if err != nil || len(page.Objects) == 0 || len(page.Objects) > 80 {
		t.Errorf("the first page has %d objects of 60 kB: %v", len(page.Objects), err)
	}
	all, err := backend.ListAll(context.Background(), s, q)
	if err != nil || len(all) != 250 || all[249].Name != "v249" {
		t.Errorf("all pages have %d objects: %v", len(all), err)
	}
	for _, q.Limit = range []int{7, 99, 100, 101, 200} { // the rows are read in steps of 100
		for _, kind := range []backend.Kind{backend.KindScopedValue, backend.KindSecret} {
			q.Kind = kind
			all, err = backend.ListAll(context.Background(), s, q)
			if err != nil || len(all) != 250 {
				t.Errorf("all pages of %d of %s have %d objects: %v", q.Limit, kind.Plural(), len(all), err)
			}
		}
	}
}

func TestAProjectHasLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: makes types of 4 MiB: run without -short")
	}
	s := limited(t)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, err = s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
			typeWith(fmt.Sprint("large", n), schemaOf(65_000))}})
	}
	if !errors.Is(err, backend.ErrQuota) || n < 60 || n > 66 {
		t.Errorf("type %d of 65 kB: %v", n, err)
	}
	apply(t, s, typeWith("large0", schemaOf(100))) // a schema may become smaller
	s = limited(t)
	var types, environments []backend.Change
	for i := range backend.MaxTypes + 1 {
		types = append(types, typeWith(fmt.Sprint("small", i), "{}"))
		environments = append(environments, backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment,
			Project: project, Name: fmt.Sprint("e", i)})
	}
	for _, changes := range [][]backend.Change{types, environments} {
		out, _ := s.Apply(context.Background(), backend.ChangeSet{Changes: changes})
		if last := out[len(out)-1]; !errors.Is(last.Err, backend.ErrQuota) {
			t.Errorf("one too many gave %v", last.Err)
		}
	}
}

func TestACallReadsAProjectNotTooOften(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: reads 256 MiB: run without -short")
	}
	s := limited(t)
	var types []backend.Change
	for i := range 60 {
		types = append(types, typeWith(fmt.Sprint("large", i), schemaOf(65_000)))
	}
	apply(t, s, types...)
	changes := make([]backend.Change, backend.MaxChanges)
	for i := range changes { // each deletes or creates the type, and the next one reads the project again
		changes[i] = typeWith("other", "{}")
		if i%2 == 1 {
			changes[i] = backend.Change{Op: backend.OpDelete, Kind: backend.KindSecretType, Project: project, Name: "other"}
		}
	}
	_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: changes, DryRun: true})
	tooLarge(t, err, "read more than 268435456 bytes")
}

func TestUsagesHaveLimits(t *testing.T) {
	s := limited(t)
	apply(t, s, secretOf("used", 1))
	usages := make([]backend.Usage, backend.MaxUsages/2+1)
	for i := range usages {
		usages[i] = backend.Usage{Kind: backend.KindSecret, Name: "used", Environment: "dev", File: "f.yaml", Line: i + 1}
	}
	register := func(source string) backend.Change {
		return backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: source, Usages: usages}
	}
	_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{register("a"), register("b")}})
	tooLarge(t, err, "20002 usages are in one call")

	apply(t, s, register("a"))
	out, err := s.Apply(context.Background(), backend.ChangeSet{DryRun: true, Changes: []backend.Change{
		{Op: backend.OpDelete, Kind: backend.KindSecret, Project: project, Environment: "dev", Name: "used"}}})
	if err != nil || out[0].Err == nil || len(out[0].Err.Dependents) != backend.MaxDependents {
		t.Errorf("a deletion lists %d dependents: %v", len(out[0].Err.Dependents), err)
	}

	usages = []backend.Usage{{Kind: backend.KindSecret, Name: "used", Environment: "dev",
		File: strings.Repeat("x", backend.MaxFileBytes+1)}}
	_, err = s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{register("c")}})
	tooLarge(t, err, "1025 bytes")

	usages = make([]backend.Usage, backend.MaxUsageFileBytes/backend.MaxFileBytes+1)
	for i := range usages {
		usages[i] = backend.Usage{Kind: backend.KindSecret, Name: "used", Environment: "dev", Line: i + 1,
			File: strings.Repeat("x", backend.MaxFileBytes)}
	}
	_, err = s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{register("d")}})
	tooLarge(t, err, "names of files of the usages in one call have 4195328 bytes; the limit is 4194304")
}

func TestLongTextsAreRefused(t *testing.T) {
	s := limited(t)
	apply(t, s, secretOf("b", 1))
	long := strings.Repeat("x", 5000)
	for name, set := range map[string]backend.ChangeSet{
		"idempotency key": {IdempotencyKey: long, Changes: []backend.Change{secretOf("a", 1)}},
		"kms_key": {Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: project,
			Name: "e", KMSKey: &long}}},
		"display_name": {Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project,
			Name: "t", DisplayName: &long, Schema: []byte("{}")}}},
		"field path": {Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: project,
			Environment: "dev", Name: "v", Link: &backend.Link{Secret: "b", Field: long}}}},
		"nests deeper": {Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: project,
			Environment: "dev", Name: "v", JSON: []byte(strings.Repeat("[", 200) + strings.Repeat("]", 200))}}},
		"10000 instructions": {Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindProject, Name: project,
			Policy: &backend.PolicyChange{NamePattern: ptr("(abcdefghijklmnopqrstuvwxyz){1000}")}}}},
	} {
		_, err := s.Apply(context.Background(), set)
		tooLarge(t, err, name)
	}
}

func ptr[T any](v T) *T { return &v }

func TestFewSuggestionsAreSearched(t *testing.T) {
	s := limited(t)
	var changes []backend.Change
	for i := range 1000 {
		changes = append(changes, secretOf(fmt.Sprintf("%s%04d", strings.Repeat("n", 200), i), 1))
	}
	apply(t, s, changes...)
	refs := refsOf(backend.Ref{Kind: backend.KindSecret, Project: project, Environment: "dev"}, backend.MaxRefs,
		func(r *backend.Ref, i int) { r.Name = fmt.Sprintf("%s%05d", strings.Repeat("n", 200), i+1000) })
	out, err := s.Resolve(context.Background(), refs)
	if err != nil {
		t.Fatal(err)
	}
	suggestions := 0
	for _, r := range out {
		if r.Err.Suggestion != "" {
			suggestions++
		}
	}
	if suggestions != 100 {
		t.Errorf("%d missing names have a suggestion, want 100", suggestions)
	}
}

func TestAnEndedCallStops(t *testing.T) {
	s := limited(t)
	apply(t, s, secretOf("a", 1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Resolve(ctx, []backend.Ref{{Kind: backend.KindSecret, Project: project, Environment: "dev",
		Name: "a"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Resolve: %v", err)
	}
	if _, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{secretOf("a", 2)}}); !errors.Is(err,
		context.Canceled) {
		t.Errorf("Apply: %v", err)
	}
}
