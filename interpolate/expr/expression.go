// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The calls of the language.
const (
	callSecret     = "get_secret_value"
	callMageSecret = "mage_secret_var"
	callValue      = "get_value"
	callEnv        = "env_var"
	callJSON       = "json_value"
	callLiteral    = "literal_value"
)

// callNames lists all calls. An expression that holds one of them is a reference.
var callNames = []string{callSecret, callMageSecret, callValue, callEnv, callJSON, callLiteral}

// Expression is a parsed expression: the text between "{{" and "}}", or a reference URI.
type Expression struct {
	root node
}

// New returns the expression that consists of one reference to an entry.
func New(r Reference) *Expression { return &Expression{&entry{target: r}} }

// String returns the canonical form of the expression. Parsing it yields the same expression.
func (e *Expression) String() string {
	var b strings.Builder
	e.root.print(&b)
	return b.String()
}

// References returns the references of the expression, in the order of the text. The path of json_value is the field of
// the reference that it reads.
func (e *Expression) References() []Reference {
	var out []Reference
	paths := map[*entry]string{}
	walk(e.root, false, func(n node, hasDefault bool) {
		switch n := n.(type) {
		case *pick:
			if read, path := n.reads(); read != nil && paths[read] == "" {
				paths[read] = path
			}
		case *entry:
			r := n.target
			if path := paths[n]; path != "" {
				r.IsPath = r.Field == ""
				r.Field = backend.JoinPath(r.Field, path)
			}
			r.HasDefault = n.fallback != nil || hasDefault
			out = append(out, r)
		case *variable:
			out = append(out, Reference{
				Call: callEnv, Target: Target{Name: n.name}, HasDefault: n.fallback != nil || hasDefault,
			})
		}
	})
	return out
}

// reads returns the entry that one or several calls of json_value read, and the path in it. It returns nil if something
// else changes the value before.
func (n *pick) reads() (*entry, string) {
	switch in := n.in.(type) {
	case *entry:
		return in, n.path
	case *pick:
		if read, path := in.reads(); read != nil {
			return read, backend.JoinPath(path, n.path)
		}
	}
	return nil, ""
}

// Targets calls visit with the target of every entry that the expression refers to, in the order of the text.
func (e *Expression) Targets(visit func(Target)) {
	walk(e.root, false, func(n node, _ bool) {
		if n, ok := n.(*entry); ok {
			visit(n.target.Target)
		}
	})
}

// IsBase64 reports whether the last filter writes base64.
func (e *Expression) IsBase64() bool {
	f, ok := e.root.(*filter)
	return ok && f.name == filterBase64
}

// IsLiteral reports whether the file alone says what the expression stands for.
func (e *Expression) IsLiteral() bool {
	literal := true
	walk(e.root, false, func(n node, _ bool) {
		switch n.(type) {
		case *entry, *variable:
			literal = false
		}
	})
	return literal
}

// Target is the part of a reference that says which entry it means. Options supply a Project, Environment or Scope
// that is empty. An empty Field means the whole value, and an empty Version the current one.
type Target struct {
	Kind        backend.Kind // KindSecret or KindScopedValue; "" for an environment variable
	Project     string       // a name or an id
	Environment string       // a name or an id
	Scope       string
	Name        string
	Field       string // a field path; see backend.ParsePath
	Version     string // a number, backend.PreviousVersion, or a tag
}

// Reference says that an expression refers to an entry or an environment variable.
type Reference struct {
	Call string // the name of the call; "pouncet" for a URI
	Target
	HasDefault bool // a missing entry is replaced by a default
	IsPath     bool // the Field is the path of json_value, and the whole value is resolved
}

// CallURI is the Call of a reference that is a URI.
const CallURI = "pouncet"

// node is a node of the syntax tree of an expression.
type node interface {
	print(b *strings.Builder)
}

type (
	// entry is a reference to a secret or a scoped value.
	entry struct {
		target   Reference
		fallback node // default=, or nil
	}
	// variable is a call of env_var.
	variable struct {
		name     string
		fallback node
	}
	// pick is a call of json_value, or a field of a node that is not an entry.
	pick struct {
		in   node
		path string
	}
	// filter is one filter, with the node before the bar.
	filter struct {
		in   node
		name string
		arg  node // of the filter default; otherwise nil
	}
	// literalCall is a call of literal_value, which stands for its argument.
	literalCall struct{ text string }
	// literal is a string, a number, a boolean or none.
	literal struct {
		typ  Type
		text string
	}
)

// walk visits n and all nodes below it, in the order of the text. hasDefault says whether a default replaces the node
// if it is missing.
func walk(n node, hasDefault bool, visit func(n node, hasDefault bool)) {
	visit(n, hasDefault)
	switch n := n.(type) {
	case *entry:
		if n.fallback != nil {
			walk(n.fallback, hasDefault, visit)
		}
	case *variable:
		if n.fallback != nil {
			walk(n.fallback, hasDefault, visit)
		}
	case *pick:
		walk(n.in, hasDefault, visit)
	case *filter:
		walk(n.in, hasDefault || n.arg != nil, visit)
		if n.arg != nil {
			walk(n.arg, hasDefault, visit)
		}
	}
}

func (n *entry) print(b *strings.Builder) {
	t := n.target
	fmt.Fprintf(b, "%s(%s", callName(t), quote(t.Name))
	for _, kw := range []struct{ key, value string }{
		{"project", t.Project}, {"env", t.Environment}, {"scope", t.Scope}, {"field", t.Field}, {"version", t.Version},
	} {
		if kw.value != "" {
			fmt.Fprintf(b, ", %s=%s", kw.key, quote(kw.value))
		}
	}
	if n.fallback != nil {
		b.WriteString(", default=")
		n.fallback.print(b)
	}
	b.WriteByte(')')
}

// callName returns the call that a reference is printed as. A URI prints as a call of get_secret_value with keywords.
func callName(t Reference) string {
	if t.Call == CallURI {
		return callSecret
	}
	return t.Call
}

func (n *variable) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s(%s", callEnv, quote(n.name))
	if n.fallback != nil {
		b.WriteString(", ")
		n.fallback.print(b)
	}
	b.WriteByte(')')
}

func (n *pick) print(b *strings.Builder) {
	b.WriteString(callJSON + "(")
	n.in.print(b)
	fmt.Fprintf(b, ", %s)", quote(n.path))
}

func (n *filter) print(b *strings.Builder) {
	n.in.print(b)
	b.WriteString(" | " + n.name)
	if n.arg != nil {
		b.WriteByte('(')
		n.arg.print(b)
		b.WriteByte(')')
	}
}

func (n *literalCall) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s(%s)", callLiteral, quote(n.text))
}

func (n *literal) print(b *strings.Builder) {
	if n.typ == Text {
		b.WriteString(quote(n.text))
		return
	}
	b.WriteString(n.text)
}
