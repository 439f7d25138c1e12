// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Finding is a row that cannot be trusted, or a project whose rows do not fit its state.
type Finding struct {
	Kind        string `json:"kind"` // of the row; "state" for a state
	Name        string `json:"name"` // of a version, the name of its secret
	ID          string `json:"id,omitempty"`
	Project     string `json:"project,omitempty"`
	Environment string `json:"environment,omitempty"`
	Detail      string `json:"detail,omitempty"` // what else the row says: the number of a version, the role of a token
	Problem     string `json:"problem"`
	// Damaged is set if Accept does not help: only a backup does, or deleting the object by its id.
	Damaged bool `json:"damaged,omitempty"`
}

// RecordKind is the kind of a Finding about the record of an idempotency key, an identity token that was accepted or a
// session of the dashboard. No call trusts such a record, so it does no harm where it is.
const RecordKind = "idempotency record"

// The problems of a Finding.
const (
	rowChanged  = "its row was changed outside Pouncet"
	rowsMissing = "a row was removed or put back outside Pouncet"
	rowsUnknown = rowsMissing + ", or Pouncet deleted a row that was changed outside Pouncet: if you deleted such a " +
		"row and nothing else was changed, accept this finding"
	stateMissing       = "its state was removed outside Pouncet"
	stateChanged       = "its state was changed outside Pouncet"
	stateReplaced      = "its state was replaced by an older one"
	stateOrphaned      = "it does not exist, but its state does"
	idempotencyChanged = "its row was changed outside Pouncet; --accept deletes it"
	rowReturned        = "it was deleted, and its row was put back outside Pouncet: delete it again"
)

// Verify compares all rows with their MACs and with the states, in one read transaction. It takes about 10 µs for each
// row, and does not block other calls.
func (s *Store) Verify(ctx context.Context) ([]Finding, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return nil, err
	}
	counted := s.seenCounters()
	var c *checker
	err = s.Store.View(ctx, func(inner store.Tx) (err error) {
		c, err = check(ctx, inner, keys, counted.seen)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(c.found, isAcceptable) {
		s.raiseSeen(counted.timeline, c.counters)
	}
	return c.found, nil
}

// accepted holds the rows that are to be signed as they are, and the records that are to be deleted.
type accepted struct {
	objects  []store.Object // without attributes
	versions []store.Version
	keys     []store.EnvironmentKey
	tokens   []store.Token
	records  []string // keys of idempotency records, which are deleted: nobody knows which outcome or time they had
}

// checker collects what is wrong.
type checker struct {
	signers  *signers
	stored   map[string]sum    // of the rows with the MACs that they have, by state
	right    map[string]sum    // of the rows with the MACs that they should have
	names    map[string]string // of projects and environments, by id
	owner    store.Object      // the object whose versions are visited
	counters map[string]uint64 // by state
	tokens   []store.Token
	access   []store.Object // roles, bindings and other rows of the deployment
	found    []Finding
	accept   accepted
}

// check reads all rows and states. inner does not verify them.
func check(ctx context.Context, inner store.Tx, keys *signers, seen map[string]uint64) (*checker, error) {
	c := &checker{
		signers: keys, stored: map[string]sum{}, right: map[string]sum{accessState: {}}, names: map[string]string{},
		counters: map[string]uint64{},
	}
	err := walk(ctx, inner, visitor{object: c.object, version: c.version, key: c.key, token: c.token})
	if err != nil {
		return nil, err
	}
	states, err := inner.States(ctx)
	if err != nil {
		return nil, err
	}
	c.checkStates(states, seen)
	c.tellAccess()
	if err := c.checkIdempotency(ctx, inner); err != nil {
		return nil, err
	}
	slices.SortFunc(c.found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name),
			strings.Compare(a.ID, b.ID))
	})
	return c, nil
}

// recordPage is the number of idempotency records that are in memory at the same time. Each holds up to 16 MiB, and
// nearly all hold few bytes.
const recordPage = 20

// checkIdempotency compares the records of idempotency keys with their MACs. They are in no sum, and are never signed
// again: a changed one could be an outcome that no call had, or a session. Accept deletes them.
func (c *checker) checkIdempotency(ctx context.Context, inner store.Tx) error {
	after := ""
	for {
		records, err := inner.ScanIdempotencyRecords(ctx, after, recordPage)
		if err != nil {
			return err
		}
		for _, r := range records {
			if after = r.Key; !c.signers.isGenuine(c.signers.idempotencyRecord(r), r.DeploymentMAC) {
				c.found = append(c.found, Finding{Kind: RecordKind, Name: r.Key, Problem: idempotencyChanged})
				c.accept.records = append(c.accept.records, r.Key)
			}
		}
		if len(records) < recordPage {
			return nil
		}
	}
}

// add counts a row, with the summands of its present MAC and of the MAC that it should have.
func (c *checker) add(name string, stored, right sum) {
	c.stored[name], c.right[name] = c.stored[name].plus(stored), c.right[name].plus(right)
}

// changed notes a row whose MAC is wrong.
func (c *checker) changed(f Finding) {
	f.Project, f.Problem = c.projectName(f.Project), rowChanged
	if name, ok := c.names[f.Environment]; ok {
		f.Environment = name
	}
	c.found = append(c.found, f)
}

func (c *checker) projectName(id string) string {
	if name, ok := c.names[id]; ok {
		return name
	}
	return id
}

func (c *checker) object(o store.Object) error {
	project := o.Project
	if project == "" {
		project = o.ID
		c.names[o.ID] = o.Name
	}
	if o.Kind == backend.KindEnvironment {
		c.names[o.ID] = o.Name // ids sort by time, so an environment comes before its entries
	}
	c.owner = o
	stored := c.signers.objectSummand(o)
	genuine := c.signers.isGenuine(c.signers.object(o), o.DeploymentMAC)
	if isAccessRow(o) {
		row := o
		if !genuine {
			row.Untrusted = errors.New(rowChanged)
		}
		c.access = append(c.access, row)
	}
	if !genuine {
		c.changed(Finding{Kind: string(o.Kind), Name: o.Name, ID: o.ID, Project: project, Environment: o.Environment})
		o.DeploymentMAC = c.signers.sign(c.signers.object(o))
		o.Attributes = nil
		c.accept.objects = append(c.accept.objects, o)
	}
	c.add(stateOf(o), stored, c.signers.objectSummand(o))
	return nil
}

func (c *checker) version(v store.Version) error {
	stored := c.signers.versionSummand(v)
	if !c.signers.isGenuine(c.signers.version(v), v.DeploymentMAC) {
		c.changed(Finding{Kind: "version", Name: c.owner.Name, ID: v.Object, Project: v.Project,
			Environment: c.owner.Environment, Detail: fmt.Sprintf("version %d", v.Version)})
		v.DeploymentMAC = c.signers.sign(c.signers.version(v))
		v.Sealed = nil
		c.accept.versions = append(c.accept.versions, v)
	}
	c.add(projectState(v.Project), stored, c.signers.versionSummand(v))
	return nil
}

func (c *checker) key(k store.EnvironmentKey) error {
	stored := c.signers.keySummand(k)
	if !c.signers.isGenuine(c.signers.environmentKey(k), k.DeploymentMAC) {
		c.changed(Finding{Kind: "environment key", Name: k.ID, Project: k.Project, Environment: k.Environment})
		k.DeploymentMAC = c.signers.sign(c.signers.environmentKey(k))
		c.accept.keys = append(c.accept.keys, k)
	}
	c.add(projectState(k.Project), stored, c.signers.keySummand(k))
	return nil
}

func (c *checker) token(k store.Token) error {
	stored := c.signers.tokenSummand(k)
	if !c.signers.isGenuine(c.signers.token(k), k.DeploymentMAC) {
		c.changed(tokenFinding(k, ""))
		signed := k
		signed.DeploymentMAC = c.signers.sign(c.signers.token(k))
		c.accept.tokens = append(c.accept.tokens, signed)
		k.Untrusted = errors.New(rowChanged)
		c.tokens = append(c.tokens, k)
		c.add(accessState, stored, c.signers.tokenSummand(signed))
		return nil
	}
	c.tokens = append(c.tokens, k)
	c.add(accessState, stored, stored)
	return nil
}

// checkStates compares the states with the sums of the rows, and the state of the projects with the other states.
func (c *checker) checkStates(states []store.State, seen map[string]uint64) {
	sealed := map[string][]byte{}
	var all sum
	for _, st := range states {
		sealed[st.Name] = st.Sealed
		switch _, has := c.right[st.Name]; {
		case st.Name == store.GenerationState: // absent until the first change
			c.right[st.Name] = sum{}
		case st.Name == projectState(stored.DeploymentKey) && !has: // no role, group or binding is left
			c.right[st.Name] = sum{}
		case strings.HasPrefix(st.Name, logPrefix): // VerifyLogs looks for the log
			c.right[st.Name] = sum{}
		}
		if st.Name == projectsState {
			continue
		}
		all = all.plus(c.signers.stateSummand(st))
		if _, ok := c.right[st.Name]; !ok {
			c.note(st.Name, stateOrphaned)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.right)) {
		// Somebody who has changed a row could put its former content back after the deletion, so that finding stays.
		problem, fits := rowsUnknown, func(want sum) bool { return want == c.stored[name] }
		switch name {
		case accessState:
			problem, fits = rowsMissing, c.tokensFit
		case deploymentState:
			problem, fits = rowsMissing, c.accessFits
		}
		c.checkState(name, sealed[name], seen, problem, fits)
	}
	c.checkState(projectsState, sealed[projectsState], seen, stateReplaced, func(want sum) bool { return want == all })
}

func (c *checker) checkState(
	name string, sealed []byte, seen map[string]uint64, differs string, fits func(want sum) bool,
) {
	st, err := c.signers.openState(name, sealed)
	c.counters[name] = st.counter
	switch {
	case sealed == nil:
		c.note(name, stateMissing)
	case err != nil:
		c.note(name, stateChanged)
	case st.counter < seen[name]:
		c.note(name, stateReplaced)
	case !fits(st.sum):
		c.note(name, differs)
	}
}

// tokensFit compares the tokens with the sum of their state. Up to maxReturned tokens that are too many were deleted
// and put back, and each is reported itself.
func (c *checker) tokensFit(want sum) bool {
	sums := c.signers.tokenSums(c.tokens)
	if sums.fit(want) {
		return true
	}
	returned := c.signers.tokenSummands(c.tokens).returned(sums, want)
	for _, k := range c.tokens {
		if slices.Contains(returned, k.ID) {
			c.found = append(c.found, tokenFinding(k, rowReturned))
		}
	}
	return len(returned) > 0
}

func tokenFinding(k store.Token, problem string) Finding {
	return Finding{Kind: string(backend.KindToken), Name: k.Name, ID: k.ID, Problem: problem,
		Detail: "role " + string(k.Role) + ", for a " + string(k.Principal)}
}

// tokenList names the tokens that Accept signs, because nobody can know from a sum which of them was put back.
func (c *checker) tokenList() string {
	if len(c.tokens) == 0 {
		return "there is no token"
	}
	names := make([]string, len(c.tokens))
	for i, k := range c.tokens {
		names[i] = fmt.Sprintf("%s, role %s, id %s", backend.Quote(k.Name), k.Role, k.ID)
	}
	return "accepting signs the tokens " + strings.Join(names, "; ")
}

func (c *checker) note(name, problem string) {
	f := Finding{Kind: "state", Name: stateLabel(name), Problem: problem}
	switch name {
	case accessState:
		f.Detail = c.tokenList()
	case deploymentState:
		f.Detail = c.accessList()
	case projectsState: // any state can be an older one
		f.Detail = c.tokenList() + "; " + c.accessList()
	}
	if id, ok := strings.CutPrefix(name, projectPrefix); ok {
		f.Name, f.ID, f.Project = c.projectName(id), id, c.projectName(id)
	}
	c.found = append(c.found, f)
}

// Accept signs all rows as they are now and writes new states. It returns what Verify would have found. It is for an
// owner who has restored a backup, or has looked at the findings.
func (s *Store) Accept(ctx context.Context) ([]Finding, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return nil, err
	}
	counted := s.seenCounters()
	var c *checker
	var saved map[string]uint64
	err = s.Store.Update(ctx, func(inner store.Tx) (err error) {
		if c, err = check(ctx, inner, keys, counted.seen); err != nil {
			return err
		}
		c.found = slices.DeleteFunc(c.found, func(f Finding) bool { return !isAcceptable(f) })
		if len(c.found) == 0 {
			return nil
		}
		saved, err = c.write(ctx, inner, counted)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.raiseCommitted(saved)
	return c.found, nil
}

func isAcceptable(f Finding) bool { return !f.Damaged }

// write signs the rows whose MAC is wrong, and writes new states. It returns their counters.
func (c *checker) write(ctx context.Context, inner store.Tx, counted *counters) (map[string]uint64, error) {
	if err := c.accept.write(ctx, inner); err != nil {
		return nil, err
	}
	states, err := inner.States(ctx)
	if err != nil {
		return nil, err
	}
	for _, st := range states {
		if err := inner.DeleteState(ctx, st.Name); err != nil {
			return nil, err
		}
	}
	t := newWriter(inner, nil, c.signers, counted)
	// Another process may have seen a higher counter than a state has that was put back. None is as high as the time.
	now := uint64(time.Now().UnixMicro())
	save := func(name string, total sum) (store.State, error) {
		return t.writeState(ctx, name, state{counter: max(c.counters[name], counted.seen[name], now) + 1, sum: total})
	}
	var all sum
	for _, name := range slices.Sorted(maps.Keys(c.right)) {
		sealed, err := save(name, c.right[name])
		if err != nil {
			return nil, err
		}
		all = all.plus(c.signers.stateSummand(sealed))
	}
	_, err = save(projectsState, all)
	return t.counters, err
}

// write stores the new MACs, and deletes the records.
func (a accepted) write(ctx context.Context, inner store.Tx) error {
	for _, o := range a.objects {
		if err := inner.SetObjectMAC(ctx, o.ID, o.DeploymentMAC); err != nil {
			return err
		}
	}
	for _, v := range a.versions {
		key := store.VersionKey{Project: v.Project, Object: v.Object, Version: v.Version}
		if err := inner.SetVersionMAC(ctx, key, v.DeploymentMAC); err != nil {
			return err
		}
	}
	for _, k := range a.keys {
		if err := inner.UpdateEnvironmentKey(ctx, k); err != nil {
			return err
		}
	}
	for _, k := range a.tokens {
		if err := inner.UpdateToken(ctx, k); err != nil {
			return err
		}
	}
	for _, key := range a.records {
		if err := inner.DeleteIdempotencyRecord(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
