// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// newVersion is a value that the engine will seal as a new version.
type newVersion struct {
	plaintext []byte
	in        secretType
	attr      versionAttributes
}

// versionAttributes is what the engine stores of a version beyond its columns.
type versionAttributes struct {
	Note string `json:"note,omitempty"`
	// GeneratedBits is the entropy of a generated value in bits, rounded down; 0 for a value that was given.
	GeneratedBits int `json:"generated_bits,omitempty"`
	// Client is the program that wrote it: see backend.Origin.
	Client string `json:"client,omitempty"`
}

// writeSecret creates or updates a secret.
func (r *run) writeSecret(c backend.Change, e *entry) (backend.Outcome, error) {
	in := e.in.typeByID(e.row.Type)
	if c.Type != nil {
		next, err := e.in.typeByKey(*c.Type)
		row, waits := replacedFor(c, e.in.typeRows(), *c.Type)
		switch {
		case err != nil && waits:
			in = e.in.typeByID(row.ID)
		case err != nil && *c.Type == shownName(in.row): // its type was set aside, and it keeps it
		case err != nil:
			return backend.Outcome{}, err
		case isDeleted(next.row) && next.row.ID != in.row.ID:
			return backend.Outcome{}, backend.Errorf(backend.CodeNotFound,
				"secret type %q was deleted; only the secrets that have it keep it", shownName(next.row)).
				WithHint("see: pouncet doctor").At("type")
		default:
			in = next
		}
	}
	version, err := r.newValue(c, e, in)
	if err != nil {
		return backend.Outcome{}, err
	}
	if !e.exists {
		if err := r.checkQuota(e.in, owner(c, e.attr)); err != nil {
			return backend.Outcome{}, err
		}
	}
	if version != nil {
		e.row.Version++
		e.attr.ValueAt = r.now
	}
	if err := r.checkTags(c, e); err != nil {
		return backend.Outcome{}, err
	}
	same, err := r.tagValue(c, e, version)
	if err != nil {
		return backend.Outcome{}, err
	}
	if e.row.Type != in.row.ID {
		e.row.Type = in.row.ID
		e.diff.changed = append(e.diff.changed, "type")
	}
	out, err := r.writeEntry(e, version)
	out.SameValue = same
	if err == nil && !e.exists {
		e.in.secrets++
	}
	return out, err
}

// newValue returns the value that a change writes, checked against its type, or
// nil if the current value stays. A change of the type alone writes the current
// value again, because a version is bound to its type.
func (r *run) newValue(c backend.Change, e *entry, in secretType) (*newVersion, error) {
	plaintext, bits := c.Value.Expose(), 0
	if c.ValueFollows {
		return r.valueThatFollows(e, in)
	}
	if err := r.checkStagedValue(e, in); err != nil {
		return nil, err
	}
	if c.Generate != nil {
		v, err := r.generate(c, e, in)
		switch {
		case err != nil:
			return nil, err
		case v.undecided && e.exists:
			e.diff.changed = append(e.diff.changed, "value")
			fallthrough
		case v.undecided:
			return &newVersion{in: in}, nil
		}
		plaintext, bits = v.text, v.bits
	}
	if c.FromVersion != nil {
		var err error
		if plaintext, bits, err = r.earlierValue(c, e, in); err != nil {
			return nil, err
		}
		if r.unchecked != "" {
			return &newVersion{in: in}, nil
		}
	}
	given := len(plaintext) > 0
	if !e.exists && !given {
		return nil, backend.Errorf(backend.CodeInvalid, "Secret value is required").
			WithHint("give secret %q a value that is not empty, or let the backend generate one", e.row.Name).At("value")
	}
	// Limits that a caller tries would tell the length of an earlier value. So for who may not have it, it may be longer.
	if n := len(plaintext); n > e.in.policy.MaxValueBytes && (c.FromVersion == nil || e.known) {
		return nil, tooLarge(e, n)
	}
	retyped := e.exists && in.row.ID != e.row.Type
	if !given && !retyped {
		return nil, nil
	}
	if given && c.FromVersion == nil {
		err := r.check(in, plaintext)
		if err != nil && !errors.Is(err, errNotReady) && c.Generate != nil {
			return nil, hintGenerate(err, in)
		}
		if err != nil {
			return nil, err
		}
	}
	if !given && r.compareOnly() {
		r.unchecked = "type" // many types, one pattern each, would reveal the whole value
		return &newVersion{in: in}, nil
	}
	if !given {
		if err := r.checkKnown("type", "the type cannot change without a new value", e.in, e.before); err != nil {
			return nil, err
		}
	}
	if e.exists && given && r.step().uncompared {
		e.diff.changed = append(e.diff.changed, "value")
	} else if e.exists {
		present, known, presentBits, err := r.presentValue(e)
		if err != nil {
			return nil, err
		}
		_, written := r.written[e.row.ID]
		same := given && known && (e.known || !written) // a value that the set itself has written is not guessed
		if same && !e.known && presentBits < unguessableBits {
			if same, err = r.guess(e.row.ID, func() bool { return sameValue(present, plaintext, in.isJSON()) }); err != nil {
				return nil, err
			}
		} else if same {
			same = sameValue(present, plaintext, in.isJSON())
		}
		switch {
		case same && !retyped:
			return nil, nil
		case !given && !known:
			return nil, corrupt(e.row, "its value cannot be decrypted, so it cannot be checked against another type")
		case !given:
			plaintext, bits = present, presentBits
			if err := r.check(in, plaintext); err != nil {
				return nil, err
			}
		}
		if given && !same {
			e.diff.changed = append(e.diff.changed, "value")
		}
	}
	version := &newVersion{plaintext: plaintext, in: in}
	version.attr.GeneratedBits = bits
	version.attr.Client = r.engine.clientOf(r.ctx)
	if c.FromVersion != nil {
		n, _ := numberOf(*c.FromVersion, e.before) // it was read above
		version.attr.Note = "the value of version " + strconv.FormatInt(n, 10)
	}
	if c.Note != nil {
		version.attr.Note = *c.Note
	}
	return version, nil
}

// valueThatFollows is the version of a value that a dry run does not know. Nobody checks it.
func (r *run) valueThatFollows(e *entry, in secretType) (*newVersion, error) {
	if !r.set.DryRun {
		return nil, backend.Errorf(backend.CodeInvalid, "value_follows requires a dry run").At("value")
	}
	if e.exists {
		e.diff.changed = append(e.diff.changed, "value")
	}
	return &newVersion{in: in}, nil
}

// fingerprint returns the fingerprint of a secret's current value. It is nil if
// none was requested, if the policy forbids it, if the principal may not have the
// value, or if it cannot be decrypted.
func (r *run) fingerprint(e *entry) ([]byte, error) {
	if len(r.set.FingerprintKey) == 0 || !e.exists || e.row.Kind != backend.KindSecret || e.in.policy.ForbidFingerprints ||
		!r.access.May(backend.RightCompare, e.in.at(e.row)) {
		return nil, nil
	}
	value, known, bits, err := r.presentValue(e)
	if err != nil || !known {
		return nil, err
	}
	if !e.known && bits < unguessableBits {
		return nil, nil // with a fingerprint, guesses can be tried without a request for each
	}
	return backend.Fingerprint(r.set.FingerprintKey, value, e.in.typeByID(e.row.Type).isJSON()), nil
}

// unguessableBits is the entropy of a generated value that nobody can guess, even with its fingerprint.
const unguessableBits = 64

// writtenValue is a value that a dry run has set, and not stored.
type writtenValue struct {
	version int64
	value   []byte
	bits    int
}

// presentValue returns the current value of a secret, and its entropy if it was
// generated. The value is not known if it cannot be decrypted, which a new value
// then repairs.
func (r *run) presentValue(e *entry) (value []byte, known bool, generatedBits int, err error) {
	if w, ok := r.written[e.row.ID]; ok && w.version == e.row.Version {
		return w.value, true, w.bits, nil
	}
	version := r.current
	if version.Object != e.row.ID || version.Version != e.row.Version {
		versions, err := r.tx.Versions(r.ctx, []store.VersionKey{keyOf(e.row)})
		if err != nil || len(versions) == 0 {
			return nil, false, 0, err
		}
		version = versions[0]
	}
	value, err = r.openForComparison(e.in, e.row, version)
	if err != nil && backend.AsError(err).Code == backend.CodeCorrupt {
		return nil, false, 0, nil
	}
	a, _ := decodeVersionAttributes(version) // they are signed
	return value, err == nil, a.GeneratedBits, err
}

func (r *run) insertVersion(key *envelope.Key, o store.Object, n newVersion) error {
	v := store.Version{
		Project: o.Project, Object: o.ID, Version: o.Version, EnvironmentKey: key.ID(),
		Form:      store.FormOf(n.plaintext, n.in.isJSON()),
		CreatedAt: r.now, CreatedBy: r.principal(),
	}
	if n.in.row.ID != "" {
		v.Type, v.SchemaHash = n.in.row.ID, n.in.schemaHash()
	}
	text, err := json.Marshal(n.attr)
	if err != nil {
		return err
	}
	v.Attributes = text
	if err := seal(key, o, &v, n.plaintext); err != nil {
		return err
	}
	err = r.tx.InsertVersion(r.ctx, v)
	if err == nil {
		return r.removeOldVersions(o)
	}
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeCorrupt, "secret %q already has a version %d: its row was put back to an older "+
			"state outside Pouncet", shownName(o), v.Version).
			WithHint("restore the database from a backup, or delete the secret permanently and set it again: "+
				"pouncet secret delete --purge %s", o.ID).At("value")
	}
	return err
}

// checkQuota refuses a secret beyond the quota of its project. An owner may
// exceed it while the secrets of others alone do not reach it, because the owner's
// deletions may come later.
func (r *run) checkQuota(p *project, owner string) error {
	counted := store.Filter{Kind: backend.KindSecret, Project: p.row.ID, BeforeName: reserved}
	if p.secrets < 0 {
		n, err := r.tx.Count(r.ctx, counted)
		if err != nil {
			return err
		}
		p.secrets = n
	}
	if p.secrets >= p.policy.MaxSecrets && owner != "" {
		rows, err := r.tx.Objects(r.ctx, counted)
		if err != nil {
			return err
		}
		others := 0
		for _, o := range rows {
			if mine, err := areOwnedBy(owner, o); err != nil {
				return err
			} else if !mine {
				others++
			}
		}
		if others < p.policy.MaxSecrets {
			return nil
		}
	}
	if p.secrets >= p.policy.MaxSecrets {
		return backend.Errorf(backend.CodeQuota, "project %q already has %s, the limit of its quota (max_secrets)",
			p.row.Name, backend.Plural(p.policy.MaxSecrets, "secret")).
			WithHint("delete some, or raise the quota: pouncet project set %s --max-secrets N", p.row.Name).At("name")
	}
	return nil
}
