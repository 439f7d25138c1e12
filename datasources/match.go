package datasources

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// inventory is the metadata of one project that references are held against.
type inventory struct {
	environments []backend.Object
	entries      []backend.Object // secrets and scoped values, in any environment and scope
	denied       *backend.Error   // set if the metadata may not be seen
}

// verdict is what metadata tells of one reference: that something satisfies it
// (the zero verdict), that nothing does, or that it does not tell.
type verdict struct {
	missing bool
	unknown bool
	// mistake says that a default does not help: what the reference names is
	// not an entry that may be absent, but a project or an environment.
	mistake bool

	reason       string   // why it is missing or unknown; a sentence without a full stop
	environments []string // of a missing entry: those that do have it
	near         string   // of a missing name: one that was perhaps meant
}

// judge holds a reference against an inventory, by the rule of lookup: the
// nearest scope wins and, within it, the exact environment; a scoped value's
// link is looked up by the same rule. Whether a secret has a field, only its
// value could tell: the secret alone is looked for.
func judge(ref backend.Ref, in *inventory) verdict {
	if in.denied != nil {
		return verdict{unknown: true, reason: in.denied.Message}
	}
	i := slices.IndexFunc(in.environments, func(o backend.Object) bool { return o.Name == ref.Environment || o.ID == ref.Environment })
	if i < 0 {
		v := verdict{missing: true, mistake: true, near: near(ref.Environment, in.environments)}
		v.reason = fmt.Sprintf("environment %s does not exist", backend.Quote(ref.Environment))
		return v
	}
	environment := in.environments[i].Name
	found := in.lookup(ref.Kind, ref.Name, environment, ref.Scope)
	switch {
	case found == nil:
		return in.absent(ref.Kind, ref.Name, environment, ref.Scope, "")
	case ref.Kind == backend.KindSecret:
		return versionOf(ref, found)
	case found.Link == nil:
		return fieldOf(ref, found)
	}
	if in.lookup(backend.KindSecret, found.Link.Secret, environment, ref.Scope) == nil {
		return in.absent(backend.KindSecret, found.Link.Secret, environment, ref.Scope, fmt.Sprintf("scoped value %s links to ", backend.Quote(ref.Name)))
	}
	return verdict{}
}

// lookup is the entry that a reference finds; nil if there is none.
func (in *inventory) lookup(kind backend.Kind, name, environment, scope string) *backend.Object {
	var best *backend.Object
	rank := 0
	for i, o := range in.entries {
		if o.Kind != kind || o.Name != name || !sees(scope, o.Scope) || o.Environment != environment && o.Environment != backend.AnyEnvironment {
			continue
		}
		n := 1
		if o.Environment == environment {
			n++
		}
		if o.Scope == scope {
			n += 2
		}
		if n > rank {
			best, rank = &in.entries[i], n
		}
	}
	return best
}

// sees reports whether a reference in one scope finds entries of another.
func sees(from, scope string) bool { return scope == from || scope == backend.ProjectScope }

// absent says where else there is an entry of that name or, if it is nowhere,
// which name is near.
func (in *inventory) absent(kind backend.Kind, name, environment, scope, intro string) verdict {
	elsewhere := map[string]bool{}
	var visible []backend.Object
	for _, o := range in.entries {
		switch {
		case o.Kind != kind || !sees(scope, o.Scope):
		case o.Name == name:
			elsewhere[o.Environment] = true
		case o.Environment == environment || o.Environment == backend.AnyEnvironment:
			visible = append(visible, o)
		}
	}
	v := verdict{missing: true, environments: slices.Sorted(maps.Keys(elsewhere))}
	if len(elsewhere) == 0 {
		v.near = near(name, visible)
	}
	v.reason = fmt.Sprintf("%s%s %s does not exist in environment %s", intro, kind, backend.Quote(name), backend.Quote(environment))
	return v
}

func versionOf(ref backend.Ref, secret *backend.Object) verdict {
	if ref.Version == "" {
		return verdict{}
	}
	if secret.Version == 0 {
		return verdict{unknown: true, reason: fmt.Sprintf("secret %s is only declared: whether it will have version %s is not known", backend.Quote(ref.Name), ref.Version)}
	}
	n, err := strconv.ParseInt(ref.Version, 10, 64)
	if ref.Version == backend.PreviousVersion && secret.Version > 1 || err == nil && n >= 1 && n <= secret.Version {
		return verdict{}
	}
	return verdict{missing: true, reason: fmt.Sprintf("secret %s has no version %s: the current one is %d", backend.Quote(ref.Name), ref.Version, secret.Version)}
}

// fieldOf looks into a plain scoped value, which is metadata, for the field.
func fieldOf(ref backend.Ref, value *backend.Object) verdict {
	if ref.Field == "" || value.JSON == nil {
		return verdict{}
	}
	if _, err := backend.Pick(value.JSON, ref.Field); err != nil {
		return verdict{missing: true, reason: fmt.Sprintf("scoped value %s: %s", backend.Quote(ref.Name), err.Message)}
	}
	return verdict{}
}

// near is the object that somebody who wrote name may have meant: at most
// about a third of its letters away, letter case aside; "" if there is none.
func near(name string, among []backend.Object) string {
	best, distance := "", max(1, (len(name)+1)/3)+1
	for _, o := range among {
		if d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(o.Name), nil); d < distance {
			best, distance = o.Name, d
		}
	}
	return best
}
