// SPDX-License-Identifier: MPL-2.0

package interpolate

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
)

// callNames are the calls that make an expression ours.
var callNames = []string{callSecret, callMageSecret, callValue, callEnv, callJSON}

// Expression is a parsed expression: what stands between "{{" and "}}", or a
// URI by itself.
type Expression struct {
	root node
}

// ParseExpression parses the text between "{{" and "}}", or a reference URI.
// Its error names what is wrong, and never repeats the text of a string.
func ParseExpression(text string) (*Expression, error) {
	e, err := parseExpression(text)
	if err != nil {
		return nil, err.problem
	}
	return e, nil
}

// String is the canonical form: parsing it gives the same expression.
func (e *Expression) String() string {
	var b strings.Builder
	e.root.print(&b)
	return b.String()
}

// References are the entries and variables that the expression names, in the
// order in which they stand. Their Pos is zero.
func (e *Expression) References() []Reference {
	var out []Reference
	walk(e.root, false, func(n node, hasDefault bool) {
		switch n := n.(type) {
		case *entry:
			r := n.target
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

// Target is what a reference names, as far as it says so: an empty field was
// not written, and is the run's to fill in.
type Target struct {
	Kind        backend.Kind // KindSecret or KindValue; "" for a variable of the process environment
	Project     string
	Environment string
	Scope       string
	Name        string
	Field       string // a path as backend.Pick understands it
	Version     string // a number, or backend.PreviousVersion
}

// Reference is one place at which a configuration names an entry.
type Reference struct {
	Pos        Position
	Expression string // as it is written, "{{" and "}}" included
	Call       string // the call's name; "pouncet" for a URI
	Target
	HasDefault bool // a default stands in where the entry is missing
}

// callURI is the Call of a reference that is written as a URI.
const callURI = "pouncet"

// node is a part of an expression.
type node interface {
	print(b *strings.Builder)
}

type (
	// entry is a secret or a scoped value.
	entry struct {
		target   Reference
		fallback node // default=; nil without one
	}
	// variable is env_var(…).
	variable struct {
		name     string
		fallback node
	}
	// pick is json_value(…), or a field of anything that is not an entry.
	pick struct {
		in   node
		path string
	}
	// filter is one step behind a bar.
	filter struct {
		in   node
		name string
		arg  node // of default
	}
	// literal is a string, a number, a boolean or none.
	literal struct {
		typ  resultType
		text string
	}
)

// walk visits n and everything below, in the order of the text. hasDefault is
// whether a default stands in if what is visited is missing.
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

// callName is the call that a reference prints as: a URI says the same as
// get_secret_value does with keywords.
func callName(t Reference) string {
	if t.Call == callURI {
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

func (n *literal) print(b *strings.Builder) {
	if n.typ == typeText {
		b.WriteString(quote(n.text))
		return
	}
	b.WriteString(n.text)
}
