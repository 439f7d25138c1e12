// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Attributes describe an object beyond its identity and its place. The engine
// stores and signs them as JSON under these names, so a name never changes.
type Attributes struct {
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	ManagedBy   string            `json:"managed_by,omitempty"` // the tool that owns it, as ManagedByTerraform

	Policy *Policy `json:"policy,omitempty"` // project

	KMSKey    string `json:"kms_key,omitempty"`   // environment
	Protected bool   `json:"protected,omitempty"` // environment, secret: cannot be deleted, not even by force

	DisplayName string          `json:"display_name,omitempty"` // secret type
	Schema      json.RawMessage `json:"schema,omitempty"`

	Visibility Visibility `json:"visibility,omitempty"` // secret
	ValueAt    time.Time  `json:"value_at,omitzero"`    // when the current value was written
	// RotationDays is the longest time in days that a value should be used, 0 for no limit.
	RotationDays int       `json:"rotation_days,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // secret, token, draft: from then on it is refused
	// Tags name versions of a secret by their number.
	Tags map[string]int64 `json:"tags,omitempty"`

	JSON json.RawMessage `json:"json,omitempty"` // scoped value

	Rights  []Right  `json:"rights,omitempty"`  // role
	Members []string `json:"members,omitempty"` // group: each is ToToken with the name of a token
	Grant   *Grant   `json:"grant,omitempty"`   // binding
	Trust   *Trust   `json:"trust,omitempty"`   // trust

	// SourceRanges are the networks from which a token can be used; none for every address.
	SourceRanges []string `json:"source_ranges,omitempty"`

	DeletedAt time.Time `json:"deleted_at,omitzero"` // object in its recovery window
}

// Attribute is one row of the table that says what a Change can set: on which
// kinds, within which limits, and how it compares with what an object has. The
// wire format, validation, comparison and documentation all follow the table.
type Attribute struct {
	Name  string // as in JSON, and as Error.Attribute and Outcome.Changed give it
	Kinds []Kind // empty for every kind
	Doc   string // one sentence for the reference page

	given func(c *Change) bool
	check func(c *Change) *Error               // limits that need no stored data; may be nil
	same  func(c *Change, o *Object) bool      // nil if only the engine can tell
	set   func(c *Change, to *Attributes) bool // nil if it takes more than an assignment
	get   func(o *Object) any                  // nil if it is not one field of Attributes
}

// Given reports whether a change sets the attribute.
func (a Attribute) Given(c *Change) bool { return a.given(c) }

// Same reports whether the attribute of an object is known to equal the one in a change. False can also mean that only
// the engine can decide it.
func (a Attribute) Same(c *Change, o *Object) bool { return a.same != nil && a.same(c, o) }

// Set copies the attribute from a change and reports whether it differed. It does nothing for an attribute that the
// engine must set itself, because the assignment needs other rows.
func (a Attribute) Set(c *Change, to *Attributes) (changed bool) {
	return a.set != nil && a.given(c) && a.set(c, to)
}

// Get returns the attribute of an object, in the type of its field in Attributes. It returns nil for an attribute
// without its own field, such as labels.
func (a Attribute) Get(o *Object) any {
	if a.get == nil {
		return nil
	}
	return a.get(o)
}

var (
	entryKinds   = []Kind{KindSecret, KindScopedValue}
	managedKinds = []Kind{KindProject, KindEnvironment, KindSecretType, KindSecret, KindScopedValue, KindRole, KindGroup,
		KindBinding, KindTrust}
)

// AttributeTable lists every attribute. Outcome.Changed follows its order.
var AttributeTable = []Attribute{
	plain("description", nil, "Text for people, at most 4,096 bytes.",
		func(c *Change) *string { return c.Description },
		func(a *Attributes) *string { return &a.Description }).limited(checkDescription),
	plain("managed_by", managedKinds, "The tool that owns the object, at most 64 bytes.",
		func(c *Change) *string { return c.ManagedBy },
		func(a *Attributes) *string { return &a.ManagedBy }).limited(checkManagedBy),
	{
		Name: "labels", Doc: "At most 64 labels, with keys and values of at most 256 bytes. A change replaces all labels.",
		given: func(c *Change) bool { return c.Labels != nil }, check: checkLabels,
		same: func(c *Change, o *Object) bool { return maps.Equal(c.Labels, o.Labels) },
		set: func(c *Change, to *Attributes) bool {
			changed := !maps.Equal(c.Labels, to.Labels)
			if changed {
				to.Labels = maps.Clone(c.Labels)
			}
			return changed
		},
	},
	{
		Name: "policy", Kinds: []Kind{KindProject}, Doc: "The rules for the entries of a project.",
		given: func(c *Change) bool { return c.Policy != nil },
		same:  func(c *Change, o *Object) bool { return o.Policy != nil && c.Policy.Holds(*o.Policy) },
	},
	plain("visibility", []Kind{KindSecret}, `"masked" or "restricted".`,
		func(c *Change) *Visibility { return c.Visibility },
		func(a *Attributes) *Visibility { return &a.Visibility }).limited(func(c *Change) *Error {
		return c.Visibility.check("visibility")
	}),
	plain("protected", []Kind{KindEnvironment, KindSecret}, "Prevents deletion, even with force.",
		func(c *Change) *bool { return c.Protected }, func(a *Attributes) *bool { return &a.Protected }),
	plain("kms_key", []Kind{KindEnvironment},
		"URI of the KMS key that wraps the environment key; \"\" for that of the backend.",
		func(c *Change) *string { return c.KMSKey }, func(a *Attributes) *string { return &a.KMSKey }).limited(
		func(c *Change) *Error { return checkShort("kms_key", *c.KMSKey, MaxKMSKeyBytes) }),
	plain("display_name", []Kind{KindSecretType}, "The type's name for people, at most 256 bytes.",
		func(c *Change) *string { return c.DisplayName }, func(a *Attributes) *string { return &a.DisplayName }).limited(
		func(c *Change) *Error { return checkShort("display_name", *c.DisplayName, MaxDisplayNameBytes) }),
	rawJSON("schema", []Kind{KindSecretType}, "JSON Schema (draft 2020-12) that values of the type satisfy.",
		func(c *Change) json.RawMessage { return c.Schema }, func(a *Attributes) *json.RawMessage { return &a.Schema }),
	plain("rotation_days", []Kind{KindSecret}, "Days after which a value is due for rotation, 0 to 3,650; 0 for never.",
		func(c *Change) *int { return c.RotationDays },
		func(a *Attributes) *int { return &a.RotationDays }).limited(checkRotationDays),
	{
		Name: "expires_at", Kinds: []Kind{KindToken, KindSecret, KindDraft},
		Doc: "Time of expiry (RFC 3339). From then on, the object is refused. A new token without it expires after 90 " +
			"days, and one with the zero time never expires.",
		given: func(c *Change) bool { return c.ExpiresAt != nil },
		same:  func(c *Change, o *Object) bool { return c.ExpiresAt.Equal(o.ExpiresAt) },
		get:   func(o *Object) any { return o.ExpiresAt },
		set: func(c *Change, to *Attributes) bool {
			changed := !c.ExpiresAt.Equal(to.ExpiresAt)
			if changed {
				to.ExpiresAt = c.ExpiresAt.UTC()
			}
			return changed
		},
	},
	{
		Name: "type", Kinds: []Kind{KindSecret}, Doc: `Key of the secret type, or "" for none.`,
		given: func(c *Change) bool { return c.Type != nil },
		same:  func(c *Change, o *Object) bool { return *c.Type == o.Type },
	},
	{
		Name: "value", Kinds: []Kind{KindSecret},
		Doc:   "The secret value, at most 65,536 bytes. An empty value keeps the current one.",
		given: func(c *Change) bool { return !c.Value.IsZero() },
	},
	{
		Name: "generate", Kinds: []Kind{KindSecret}, Doc: "Generates a random value in the backend. It excludes value.",
		given: func(c *Change) bool { return c.Generate != nil },
	},
	{
		Name: "note", Kinds: []Kind{KindSecret}, Doc: "Why a value was written, at most 1,024 bytes; kept with the version.",
		given: func(c *Change) bool { return c.Note != nil }, check: checkNote,
	},
	{
		Name: "from_version", Kinds: []Kind{KindSecret},
		Doc:   `Writes the value of an earlier version again: a number, "previous" or a tag. It excludes value and generate.`,
		given: func(c *Change) bool { return c.FromVersion != nil }, check: checkFromVersion,
	},
	{
		Name: "tags", Kinds: []Kind{KindSecret},
		Doc:   "Names of versions, at most 32. A change sets the given tags to a number, or removes them with 0.",
		given: func(c *Change) bool { return c.Tags != nil }, check: checkTags,
		same: func(c *Change, o *Object) bool { return !setTags(c.Tags, &Attributes{Tags: o.Tags}) },
		set:  func(c *Change, to *Attributes) bool { return setTags(c.Tags, to) },
	},
	rawJSON("json", []Kind{KindScopedValue}, "The plain JSON value; excludes link.",
		func(c *Change) json.RawMessage { return c.JSON },
		func(a *Attributes) *json.RawMessage { return &a.JSON }).comparedOnly(),
	{
		Name: "link", Kinds: []Kind{KindScopedValue}, Doc: "The secret that the value stands for; excludes json.",
		given: func(c *Change) bool { return c.Link != nil },
		same:  func(c *Change, o *Object) bool { return o.Link != nil && *c.Link == *o.Link },
	},
	{
		Name: "usages", Kinds: []Kind{KindUsage},
		Doc:   "All references of a source. A change replaces those that the source registered before.",
		given: func(c *Change) bool { return c.Usages != nil },
	},
	{
		Name: "rights", Kinds: []Kind{KindRole}, Doc: "What the role allows. A change replaces all rights.",
		given: func(c *Change) bool { return c.Rights != nil },
		check: func(c *Change) *Error { return CheckRights(c.Rights) },
		same:  func(c *Change, o *Object) bool { return slices.Equal(sortedRights(c.Rights), o.Rights) },
		set: func(c *Change, to *Attributes) bool {
			changed := !slices.Equal(sortedRights(c.Rights), to.Rights)
			to.Rights = sortedRights(c.Rights)
			return changed
		},
	},
	{
		Name: "members", Kinds: []Kind{KindGroup},
		Doc: `Members of the group: "token:" or "trust:" and a name or id; for one subject of a trust, add "/" and the ` +
			`subject. ` +
			`A change replaces all members.`,
		given: func(c *Change) bool { return c.Members != nil },
	},
	{
		Name: "grant", Kinds: []Kind{KindBinding}, Doc: "The role that a binding gives, to whom, and where.",
		given: func(c *Change) bool { return c.Grant != nil },
		check: func(c *Change) *Error { return c.Grant.Where.Check() },
		same:  func(c *Change, o *Object) bool { return o.Grant != nil && *c.Grant == *o.Grant },
	},
	{
		Name: "trust", Kinds: []Kind{KindTrust},
		Doc:   "Which identity tokens of an OpenID Connect issuer are accepted. A change replaces all of it.",
		given: func(c *Change) bool { return c.Trust != nil },
		check: func(c *Change) *Error { return c.Trust.Check() },
		same:  func(c *Change, o *Object) bool { return o.Trust != nil && c.Trust.Equal(*o.Trust) },
		set: func(c *Change, to *Attributes) bool {
			changed := to.Trust == nil || !c.Trust.Equal(*to.Trust)
			if changed {
				to.Trust = c.Trust
			}
			return changed
		},
	},
	{
		Name: "role", Kinds: []Kind{KindToken}, Doc: "A role whose rights apply everywhere, or \"none\".",
		given: func(c *Change) bool { return c.Role != nil },
	},
	{
		Name: "principal", Kinds: []Kind{KindToken}, Doc: `Who has the token: a "person" or a "workload".`,
		given: func(c *Change) bool { return c.Principal != nil },
		check: func(c *Change) *Error { return c.Principal.check("principal") },
		same:  func(c *Change, o *Object) bool { return *c.Principal == o.Principal },
	},
	{
		Name: "token_hash", Kinds: []Kind{KindToken}, Doc: "SHA-256 of the token.",
		given: func(c *Change) bool { return c.TokenHash != nil },
	},
	{
		Name: "source_ranges", Kinds: []Kind{KindToken},
		Doc:   "Networks from which a new token can be used, at most 64. Without them, it can be used from every address.",
		given: func(c *Change) bool { return c.SourceRanges != nil }, check: checkSourceRanges,
		same: func(c *Change, o *Object) bool { return slices.Equal(SourceRanges(c.SourceRanges), o.SourceRanges) },
	},
	{
		Name: "environment", Kinds: entryKinds, Doc: "Part of the place: an environment's name or id.",
		given: func(c *Change) bool { return c.Environment != "" },
		same:  func(c *Change, o *Object) bool { return c.Environment == o.Environment },
	},
	{
		Name: "scope", Kinds: entryKinds, Doc: `Part of the place: "project", "app/<name>" or "pipeline/<name>".`,
		given: func(c *Change) bool { return c.Scope != "" },
		same:  func(c *Change, o *Object) bool { return c.Scope == o.Scope },
	},
	{
		Name: "purge", Kinds: append([]Kind{KindProject, KindEnvironment}, entryKinds...),
		Doc:   "Deletes permanently, without a recovery window.",
		given: func(c *Change) bool { return c.Purge },
	},
}

// plain returns the row of an attribute with one comparable field.
func plain[T comparable](
	name string, kinds []Kind, doc string, from func(*Change) *T, at func(*Attributes) *T,
) Attribute {
	return Attribute{
		Name: name, Kinds: kinds, Doc: doc,
		given: func(c *Change) bool { return from(c) != nil },
		same:  func(c *Change, o *Object) bool { return *from(c) == *at(&o.Attributes) },
		get:   func(o *Object) any { return *at(&o.Attributes) },
		set: func(c *Change, to *Attributes) bool {
			changed := *from(c) != *at(to)
			*at(to) = *from(c)
			return changed
		},
	}
}

// rawJSON returns the row of an attribute with JSON text. Two texts are the same if they are the same JSON document.
func rawJSON(
	name string, kinds []Kind, doc string, from func(*Change) json.RawMessage, at func(*Attributes) *json.RawMessage,
) Attribute {
	return Attribute{
		Name: name, Kinds: kinds, Doc: doc,
		given: func(c *Change) bool { return from(c) != nil },
		check: func(c *Change) *Error {
			if !json.Valid(from(c)) {
				return Errorf(CodeInvalid, "%s is invalid JSON", name).At(name)
			}
			if err := CheckDepth(from(c)); err != nil {
				return err.At(name)
			}
			return nil
		},
		same: func(c *Change, o *Object) bool { return EqualJSON(from(c), *at(&o.Attributes)) },
		get:  func(o *Object) any { return *at(&o.Attributes) },
		set: func(c *Change, to *Attributes) bool {
			if EqualJSON(from(c), *at(to)) {
				return false
			}
			*at(to) = CompactJSON(from(c))
			return true
		},
	}
}

func (a Attribute) limited(check func(*Change) *Error) Attribute {
	a.check = check
	return a
}

// comparedOnly leaves the assignment to the engine.
func (a Attribute) comparedOnly() Attribute {
	a.set = nil
	return a
}

// setTags sets tags, and reports whether any of them was different.
func setTags(tags map[string]int64, to *Attributes) (changed bool) {
	out := maps.Clone(to.Tags)
	for tag, n := range tags {
		if out[tag] == n {
			continue
		}
		changed = true
		if n == 0 {
			delete(out, tag)
			continue
		}
		if out == nil {
			out = map[string]int64{}
		}
		out[tag] = n
	}
	if len(out) == 0 {
		out = nil
	}
	to.Tags = out
	return changed
}

// sortedRights returns rights in the order of Rights.
func sortedRights(rights []Right) []Right {
	var out []Right
	for _, r := range Rights {
		if slices.Contains(rights, r) {
			out = append(out, r)
		}
	}
	return out
}

// EqualJSON reports whether two texts are the same JSON document. White space and the order of members make no
// difference.
func EqualJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, okX := CanonicalJSON(a)
	y, okY := CanonicalJSON(b)
	return okX && okY && bytes.Equal(x, y)
}

// CompactJSON returns a JSON text without its white space. It returns a text that is not JSON unchanged.
func CompactJSON(text []byte) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, bytes.TrimSpace(text)) != nil {
		return text
	}
	return b.Bytes()
}
