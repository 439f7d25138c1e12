// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// numberOf returns the number of the version of a secret that a text names: a number, PreviousVersion, a tag, or "" for
// the current version. The version may not exist.
func numberOf(version string, secret store.Object) (int64, error) {
	if n, ok := backend.VersionNumber(version); ok {
		return n, nil
	}
	switch version {
	case "":
		return secret.Version, nil
	case backend.PreviousVersion:
		if secret.Version < 2 {
			return 0, backend.Errorf(backend.CodeNotFound, "secret %q has no previous version: its value was written once",
				shownName(secret)).At("version")
		}
		return secret.Version - 1, nil
	}
	if err := backend.CheckVersion(version); err != nil {
		return 0, err
	}
	a, err := decodeAttributes(secret)
	if err != nil {
		return 0, err
	}
	n, ok := a.Tags[version]
	if !ok {
		return 0, backend.Errorf(backend.CodeNotFound, "secret %q has no version with the tag %q", shownName(secret),
			version).WithHint("list its versions: pouncet secret history %s", secret.ID).At("version")
	}
	return n, nil
}

// missingVersion is the error of a version that a secret does not have.
func missingVersion(secret store.Object, n int64) *backend.Error {
	hint := "the current version is %d"
	if n <= secret.Version {
		hint = "it was removed, as the policy of the project says; " + hint
	}
	return backend.Errorf(backend.CodeNotFound, "secret %q has no version %d", shownName(secret), n).
		WithHint(hint, secret.Version).At("version")
}

// versions lists the versions of one secret, newest first.
func (l listing) versions() (backend.Page, error) {
	secret, in, err := l.secret()
	if err != nil {
		return backend.Page{}, err
	}
	before := int64(math.MaxInt64)
	if l.q.Cursor != "" {
		if before, err = strconv.ParseInt(l.afterName, 10, 64); err != nil {
			return backend.Page{}, errCursor()
		}
	}
	shown, err := object(secret, in)
	if err != nil {
		return backend.Page{}, err
	}
	page := backend.Page{Objects: []backend.Object{}}
	size := 0
	step := readStep
	for {
		// One version more than the page has shows that another page follows.
		rows, err := l.tx.VersionsBefore(l.ctx, secret.Project, secret.ID, before,
			min(step, l.q.Limit+1-len(page.Objects)))
		if err != nil || len(rows) == 0 {
			return page, err
		}
		if bytesOf(rows) < maxStepBytes/stepGrowth {
			step *= stepGrowth
		}
		page.Objects = slices.Grow(page.Objects, len(rows))
		for _, v := range rows {
			if v.Untrusted != nil {
				return backend.Page{}, v.Untrusted
			}
			o, err := versionObject(v, shown, in)
			if err != nil {
				return backend.Page{}, err
			}
			size += objectSize(o)
			if n := len(page.Objects); n == l.q.Limit || n > 0 && size > backend.MaxPageBytes {
				page.Next = encodeCursor(strconv.FormatInt(page.Objects[n-1].Version, 10), secret.ID)
				return page, nil
			}
			page.Objects = append(page.Objects, o)
			before = v.Version
		}
	}
}

// A list of versions reads stepGrowth times as many versions at a time as before, if that is likely to stay below
// maxStepBytes. Most values are short, and each query has a price.
const (
	stepGrowth   = 4
	maxStepBytes = 4 << 20
)

// bytesOf returns the size of the values of versions.
func bytesOf(rows []store.Version) (n int) {
	for _, v := range rows {
		n += len(v.Sealed)
	}
	return n
}

// secret returns the secret that a query of versions names, by id or by its whole place.
func (l listing) secret() (store.Object, *project, error) {
	f := store.Filter{Kind: backend.KindSecret, ID: l.q.ID, Limit: 1}
	var in *project
	if l.q.ID == "" {
		if l.q.Name == "" || l.q.Project == "" || l.q.Environment == "" {
			return store.Object{}, nil, backend.Errorf(backend.CodeInvalid,
				"a secret is required for a list of versions").
				WithHint("give its id, or its project, environment and name").At("name")
		}
		var err error
		if in, err = l.engine.loadProject(l.ctx, l.tx, l.q.Project, l.access); err != nil {
			return store.Object{}, nil, err
		}
		environment, err := in.environment(l.q.Environment)
		if err != nil {
			return store.Object{}, nil, err
		}
		f.Project, f.Environment, f.Scope, f.Name = in.row.ID, environment.ID, scopeOrProject(l.q.Scope), l.q.Name
	}
	rows, err := l.tx.Objects(l.ctx, f)
	if err != nil {
		return store.Object{}, nil, err
	}
	if len(rows) > 0 && !l.access.seesAll {
		if in == nil && l.access.seesProject(rows[0].Project) {
			if in, err = l.engine.loadProject(l.ctx, l.tx, rows[0].Project, l.access); err != nil {
				return store.Object{}, nil, err
			}
		}
		if in == nil || !l.access.seesRow(in, rows[0]) {
			rows = nil
		}
	}
	if len(rows) == 0 {
		return store.Object{}, nil, backend.Errorf(backend.CodeNotFound, "secret %s does not exist",
			backend.Quote(cmp.Or(l.q.Name, l.q.ID))).At("name")
	}
	if rows[0].Untrusted != nil {
		return store.Object{}, nil, rows[0].Untrusted
	}
	if in == nil {
		in, err = l.engine.loadProject(l.ctx, l.tx, rows[0].Project, l.access)
	}
	return rows[0], in, err
}

// versionObject returns what is shown of a version of a secret.
func versionObject(v store.Version, secret backend.Object, in *project) (backend.Object, error) {
	attr, err := decodeVersionAttributes(v)
	if err != nil {
		return backend.Object{}, err
	}
	out := backend.Object{
		Kind: backend.KindVersion, ID: secret.ID, Name: secret.Name, Project: secret.Project,
		Environment: secret.Environment, EnvironmentID: secret.EnvironmentID, Scope: secret.Scope, Version: v.Version,
		Type: in.typeKey(v.Type), Note: attr.Note, CreatedBy: v.CreatedBy, Client: attr.Client, CreatedAt: v.CreatedAt,
		Binary: v.Form == store.FormBytes,
	}
	for tag, n := range secret.Tags {
		if n == v.Version {
			if out.Tags == nil {
				out.Tags = map[string]int64{}
			}
			out.Tags[tag] = n
		}
	}
	return out, nil
}

func decodeVersionAttributes(v store.Version) (a versionAttributes, err error) {
	if len(v.Attributes) > 0 {
		if err := json.Unmarshal(v.Attributes, &a); err != nil {
			return a, backend.Errorf(backend.CodeCorrupt,
				"the attributes of version %d of the secret with id %s cannot be parsed", v.Version, v.Object).
				WithHint("restore the database from a backup")
		}
	}
	return a, nil
}

// version reads the version of a secret that a change names, in the form of Ref.Version.
func (r *run) version(secret store.Object, name string) (store.Version, error) {
	n, err := numberOf(name, secret)
	if err != nil {
		return store.Version{}, err
	}
	key := store.VersionKey{Project: secret.Project, Object: secret.ID, Version: n}
	if v, ok := r.ahead.versions[key]; ok {
		return v, v.Untrusted
	}
	rows, err := r.tx.Versions(r.ctx, []store.VersionKey{key})
	if err != nil {
		return store.Version{}, err
	}
	if len(rows) == 0 {
		return store.Version{}, missingVersion(secret, n)
	}
	return rows[0], rows[0].Untrusted
}

// removeOldVersions removes the versions of a secret that its project does not keep, after a new one is written.
func (r *run) removeOldVersions(secret store.Object) error {
	in, err := r.project(secret.Project)
	if err != nil {
		return err
	}
	due, err := oldVersions(r.ctx, r.tx, secret, in.policy, r.now)
	for _, k := range due[:min(len(due), mostRemoved)] {
		if err := r.tx.DeleteVersion(r.ctx, k); err != nil {
			return err
		}
	}
	return err
}

const mostRemoved = 100 // versions that one write removes; a sweep removes the others

// oldVersions returns the versions of a secret that a policy does not keep, oldest first.
func oldVersions(
	ctx context.Context, tx store.Tx, secret store.Object, p backend.Policy, now time.Time,
) ([]store.VersionKey, error) {
	if p.MaxVersions == 0 && p.VersionDays == 0 || secret.Version <= backend.LeastKeptVersions {
		return nil, nil
	}
	rows, err := tx.VersionsOf(ctx, secret.Project, secret.ID, false)
	if err != nil {
		return nil, err
	}
	a, err := decodeAttributes(secret)
	if err != nil {
		return nil, err
	}
	tagged := slices.Collect(maps.Values(a.Tags))
	var due []store.VersionKey
	for i, v := range rows {
		if !p.KeepsVersion(len(rows)-i, v.CreatedAt, now) && !slices.Contains(tagged, v.Version) {
			due = append(due, store.VersionKey{Project: v.Project, Object: v.Object, Version: v.Version})
		}
	}
	return due, nil
}

// checkTags refuses tags of versions that do not exist. The tags are set already.
func (r *run) checkTags(c backend.Change, e *entry) error {
	if c.Tags == nil {
		return nil
	}
	if err := e.attr.CheckTags(); err != nil {
		return err
	}
	var keys []store.VersionKey
	for _, n := range c.Tags {
		if n > 0 {
			keys = append(keys, store.VersionKey{Project: e.row.Project, Object: e.row.ID, Version: n})
		}
	}
	rows, err := r.tx.Versions(r.ctx, keys)
	if err != nil {
		return err
	}
	for _, k := range keys {
		exists := slices.ContainsFunc(rows, func(v store.Version) bool { return v.Version == k.Version })
		if !exists && k.Version != e.row.Version { // the version that this change writes
			return missingVersion(e.row, k.Version).At("tags")
		}
	}
	return nil
}

// earlierValue returns the value of an earlier version, which a change writes again. A value that was checked against
// the present schema needs no check. Otherwise only a principal that knows the value can write it again, because the
// check would reveal something about it.
func (r *run) earlierValue(c backend.Change, e *entry, in secretType) (value []byte, bits int, err error) {
	if !e.exists {
		return nil, 0, backend.Errorf(backend.CodeInvalid, "secret %q does not exist, so it has no earlier version",
			e.row.Name).WithHint("give a value").At("from_version")
	}
	v, err := r.version(e.before, *c.FromVersion)
	if err != nil {
		return nil, 0, atFromVersion(err)
	}
	if r.compareOnly() && !e.known {
		r.unchecked = "value"
		return nil, 0, nil
	}
	r.step().from = v.Version
	value, err = r.openForComparison(e.in, e.before, v)
	if err != nil {
		return nil, 0, err
	}
	a, err := decodeVersionAttributes(v)
	if err != nil {
		return nil, 0, err
	}
	if v.Type == in.row.ID && (in.row.ID == "" || v.SchemaHash == in.schemaHash()) {
		return value, a.GeneratedBits, nil
	}
	if err := r.checkKnown("from_version", "the type has changed since version "+strconv.FormatInt(v.Version, 10),
		e.in, e.before); err != nil {
		return nil, 0, err
	}
	if err := r.check(in, value); err != nil {
		return nil, 0, err
	}
	return value, a.GeneratedBits, nil
}

func atFromVersion(err error) error {
	if e := backend.AsError(err); e.Attribute == "version" {
		return e.At("from_version")
	}
	return err
}
