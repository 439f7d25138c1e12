// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"slices"
	"strings"
)

// Right is what a role allows at the places of a binding.
type Right string

// The rights. RightSee, RightResolve, RightReveal, RightCompare, RightWrite, RightDelete, RightManage and RightDeploy
// concern objects, and each of them includes RightSee.
const (
	RightSee      Right = "see"      // metadata
	RightResolve  Right = "resolve"  // values, to use them
	RightReveal   Right = "reveal"   // values, to show them to a person
	RightCompare  Right = "compare"  // dry runs, which compare values
	RightWrite    Right = "write"    // create, change and restore secrets and scoped values
	RightDelete   Right = "delete"   // delete secrets and scoped values
	RightManage   Right = "manage"   // change types, environments and the policy of a project
	RightBind     Right = "bind"     // manage roles, groups, bindings and tokens
	RightAudit    Right = "audit"    // read the audit log
	RightRegister Right = "register" // register usages
	RightDeploy   Right = "deploy"   // deploy drafts
)

// Rights lists the rights.
var Rights = []Right{RightSee, RightResolve, RightReveal, RightCompare, RightWrite, RightDelete, RightManage, RightBind,
	RightAudit, RightRegister, RightDeploy}

// builtInRights are the rights of the built-in roles.
var builtInRights = map[Role][]Right{
	RoleAdmin:    Rights,
	RoleEditor:   {RightSee, RightCompare, RightWrite, RightDelete, RightRegister, RightDeploy},
	RoleRuntime:  {RightSee, RightResolve, RightRegister},
	RoleRevealer: {RightSee, RightReveal},
	RolePlanner:  {RightSee, RightCompare},
	RoleAuditor:  {RightSee, RightAudit},
	RoleViewer:   {RightSee},
	RoleNone:     {},
}

// RightsOf returns the rights of a built-in role, and whether it exists.
func RightsOf(r Role) (rights []Right, exists bool) {
	rights, exists = builtInRights[r]
	return slices.Clone(rights), exists
}

// Place is where an object is, for a decision about rights. Project and Environment are ids. An empty field stands for
// all places that have any value there.
type Place struct {
	Project     string
	Environment string // may be AnyEnvironment
	Scope       string
	Name        string
	// Protected says that Environment is protected. AnyEnvironment is protected if any environment is, because the
	// protected environment uses its entries too.
	Protected bool
}

// Where says at which places a binding gives its rights. An empty field stands for all values. A protected environment
// must be named: an empty Environment leaves it out.
type Where struct {
	Project     string `json:"project,omitempty"`     // name or id
	Environment string `json:"environment,omitempty"` // name or id, or AnyEnvironment: what all of them share
	Scope       string `json:"scope,omitempty"`
	Names       string `json:"names,omitempty"` // a name, or a pattern in which * stands for any characters
}

// Grant is what a binding gives to whom.
type Grant struct {
	Role string `json:"role"` // the name of a role
	// To is "token:", "group:" or "trust:" and the name or id of a token, group or trust. For one subject of a
	// trust, add "/" and the subject.
	To    string `json:"to"`
	Where Where  `json:"where,omitzero"`
}

// The prefixes of Grant.To and of the members of a group.
const (
	ToToken = "token:"
	ToGroup = "group:"
)

// MaxNamesBytes limits Where.Names.
const MaxNamesBytes = 256

// Limits of the objects that decide about rights. Every decision reads them, from memory if nothing has changed.
const (
	MaxRoles    = 100
	MaxGroups   = 200
	MaxMembers  = 500 // of a group
	MaxBindings = 2000
	MaxTokens   = 10_000
)

// Limits for callers who may not bind everywhere, so that they leave places for those who may.
const (
	MaxProjectBindings = 200 // of a project; those for all projects count together
	ReservedBindings   = 500 // of MaxBindings
	MaxMadeTokens      = 200 // by a token, and by the tokens that it made
	ReservedTokens     = 1000
)

// Check refuses a Where that selects nothing, or whose parts do not fit.
func (w Where) Check() *Error {
	switch {
	case w.Environment != "" && w.Project == "":
		return Errorf(CodeInvalid, "the binding names an environment, and no project").
			WithHint("name the project of the environment").At("grant.project")
	case len(w.Names) > MaxNamesBytes:
		return Errorf(CodeTooLarge, "the pattern of names has %d bytes; the limit is %d", len(w.Names), MaxNamesBytes).
			At("grant.names")
	case strings.Trim(w.Names, nameCharacters+"*") != "":
		return Errorf(CodeInvalid, "the pattern of names %s is not valid", Quote(w.Names)).
			WithHint("use letters, digits, _ and -, and * for any characters").At("grant.names")
	}
	if w.Scope == "" {
		return nil
	}
	if err := CheckScope(w.Scope); err != nil {
		return err.At("grant.scope")
	}
	return nil
}

// nameCharacters are those that the name of an entry can have.
const nameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// CheckRights refuses a list with an unknown right, or with one twice.
func CheckRights(rights []Right) *Error {
	for i, r := range rights {
		if !slices.Contains(Rights, r) {
			names := make([]string, len(Rights))
			for i, r := range Rights {
				names[i] = string(r)
			}
			return Errorf(CodeInvalid, "right %s is not supported", Quote(string(r))).
				WithHint("use %s", strings.Join(names, ", ")).At("rights")
		}
		if slices.Contains(rights[:i], r) {
			return Errorf(CodeInvalid, "right %q is given twice", r).At("rights")
		}
	}
	return nil
}

// Permissions is what one principal may do.
type Permissions interface {
	// May reports whether the principal has a right at a place or, if fields of the place are empty, at all places that
	// it stands for.
	May(right Right, at Place) bool
	// MaySome reports whether the principal has a right at some of the places that a place with empty fields stands for.
	// Whether an environment is protected matters only if the place says so.
	MaySome(right Right, in Place) bool
	// MayGive reports whether the principal has a right at all places of a Where, so that it may give it to others.
	// protected says that the environment of the Where is protected.
	MayGive(right Right, where Where, protected bool) bool
	// Where lists where in a project the principal has a right, with ids. An empty environment leaves out those that are
	// protected. It does not matter if the principal has the right everywhere.
	Where(right Right, project string) []Where
	// Everywhere reports whether the principal has a right at all places, protected environments included.
	Everywhere(right Right) bool
}

// SmallestRole returns the built-in role with the fewest rights that has a right.
func SmallestRole(right Right) Role {
	for _, r := range slices.Backward(Roles) {
		if slices.Contains(builtInRights[r], right) {
			return r
		}
	}
	return RoleAdmin
}
