// Package interpolate fills references to secrets into configuration files
// (YAML, JSON, TOML, dotenv, Java properties, text), and changes nothing else.
//
// # The idea
//
// Two simple ways of filling in a template both go wrong. Replacing text before
// the file is parsed lets a value end a string, add a key, become a comment or
// a number. Parsing the file and writing it again loses comments, quotes, order
// and anchors. So this package does neither: it parses to find out which
// scalars hold references, replaces these in the bytes of the file, each by one
// scalar that holds the value, and then parses the result. Unless that is the
// same tree but for the replaced values, nothing is given out.
//
//	file ─> hide {{ … }} ─> parse ─> scalars with references ─> one Resolve for all files
//	                                                                   │
//	file ─────────────────────────────────────> splice <───────────────┘
//	                                              │
//	                            parse again, compare, give out
//
// For files of the usual form, with an entry a line, looking at their lines says
// as much as parsing them; outline.go tells why. They are read in that way, and
// all others are parsed.
//
// # What is ours
//
// Between "{{" and "}}", an expression that calls get_secret_value (which Mage
// calls mage_secret_var), get_value, env_var or json_value, or that holds a
// pouncet:// URI, is ours. So is a URI that is a whole scalar. Everything else
// belongs to Helm, GitHub Actions, Jinja or whoever wrote it, and stays as it
// is, byte for byte; a file without anything of ours need not even be YAML.
// The grammar stands at the top of parse.go.
//
// # What is written
//
// In YAML, a flow scalar (plain or quoted) becomes a double-quoted one: a value
// is a string, and 0123, yes and null remain the strings that they are. Its
// anchor and tag stay. In a block scalar a value of one line takes the place of
// its expression; a value that does not fit there turns the scalar into a
// double-quoted one, behind which a comment of the header stays.
//
// In JSON, TOML and properties a value takes the place of its expression, with
// the escapes of the string that it stands in; what is a literal string in TOML
// becomes a basic one if the value needs escapes. Files of variables have no
// escapes that their readers agree on: there a value is written in the first
// quotes in which they all read the same, and one for which there are none is
// refused (dotenv.go has the table). Plain text takes values as they are, and a
// template of others such values as mean the same wherever they stand.
//
// Where an expression is all of a scalar, the filters int, float and bool make
// it a plain number or boolean, and a missing entry under MissingNull a plain
// null, which TOML, dotenv and properties do not have: there it is an error.
// Inside longer text a number is its digits, and null the word None, as
// Mage's templates have it. The filter json gives JSON as text, never as a
// structure: no value can add a node to the tree, and there is no exception.
//
// # Limits
//
// Only UTF-8. An expression ends at the first "}}", in quotes or not, and has at
// most MaxExpressionBytes; one that reaches across lines comes back on one line
// where it is kept, and is YAML's alone. A template of others that makes up the
// structure of a file is understood in YAML, as far as it stands on lines of its
// own. A reference in a comment is not resolved, one in a key is an error, and
// one in an escape ("\x7b{") is text. The result is checked for being of the
// same format, read by a library; whether it means something to its reader is
// beyond this package: Spring, for one, replaces ${…} in the values of
// properties, which no escape prevents.
package interpolate

import (
	"context"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Resolver gives values for references, as a backend.Service does.
type Resolver interface {
	// Resolve returns one Resolution for each Ref, in their order, each with
	// its own error. Its own error means that nothing was resolved.
	Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error)
}

// Missing says what becomes of a reference to an entry that is not there and
// has no default. It is about nothing else: an entry that does not open, or an
// environment that does not exist, is an error however it is set.
type Missing int

// The choices.
const (
	MissingError Missing = iota // a Problem
	MissingNull                 // null, or None inside longer text
	MissingKeep                 // the expression stays in the file
)

// Options say for whom to render.
type Options struct {
	Project     string // of references that name none
	Environment string // of references that name none
	Scope       string // of references that name none; "" is the project's

	Missing Missing

	// LookupEnv gives env_var its values, as os.LookupEnv does. Without it
	// every env_var is an error.
	LookupEnv func(name string) (string, bool)

	// Warn, if set, is told of places that look as if a reference was meant:
	// Document.Suspects of every file.
	Warn func(Problem)
}

// Render fills in the references of all files, and returns the files in their
// order. The distinct references of all of them go out in one call of Resolve;
// without references there is none. Text that was filled in is not looked at
// again for references.
//
// Whatever is wrong in any file, Render returns no file, and Problems with all
// that is. An error that is not Problems is about the call: the resolver's own,
// ErrTooLarge for more than backend.MaxRefs references, or the context's.
func Render(ctx context.Context, r Resolver, files []File, o Options) ([]File, error) {
	docs, err := scanAll(ctx, files, o.Warn)
	if err != nil {
		return nil, err
	}
	values, err := resolveAll(ctx, r, docs, o)
	if err != nil {
		return nil, err
	}
	out := make([]File, len(docs))
	var problems Problems
	for i, d := range docs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, wrong := d.fill(values)
		out[i] = File{Name: d.file.Name, Data: data}
		problems = append(problems, wrong...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

func scanAll(ctx context.Context, files []File, warn func(Problem)) ([]*Document, error) {
	docs := make([]*Document, len(files))
	var problems Problems
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		docs[i] = &Document{file: f}
		problems = append(problems, docs[i].scan()...)
		if warn != nil {
			for _, s := range docs[i].suspects {
				warn(s)
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return docs, nil
}

// resolveAll resolves the distinct references of all documents in one call.
func resolveAll(ctx context.Context, r Resolver, docs []*Document, o Options) (*evaluator, error) {
	most := 0
	for _, d := range docs {
		most += len(d.scalars)
	}
	v := &evaluator{options: o, index: make(map[backend.Ref]int, most)}
	refs := make([]backend.Ref, 0, most)
	var problems Problems
	for _, d := range docs {
		for p := range d.expressions() {
			walk(p.expr.root, false, func(n node, _ bool) {
				e, ok := n.(*entry)
				if !ok {
					return
				}
				full, err := o.ref(e.target.Target)
				if err != nil {
					problems = append(problems, Problem{p.pos, p.text, err})
					return
				}
				if _, known := v.index[full]; !known {
					v.index[full] = len(refs)
					refs = append(refs, full)
				}
			})
		}
	}
	switch {
	case len(problems) > 0:
		return nil, problems
	case len(refs) > backend.MaxRefs:
		return nil, backend.Errorf(backend.CodeTooLarge, "the files hold %d distinct references, and the limit of a run is %d", len(refs), backend.MaxRefs).
			WithHint("render them in several runs")
	case len(refs) == 0:
		return v, nil
	}
	found, err := r.Resolve(ctx, refs)
	if err != nil {
		return nil, err
	}
	if len(found) != len(refs) {
		return nil, backend.Errorf(backend.CodeInternal, "the resolver answered %d references with %d results", len(refs), len(found))
	}
	v.found = found
	return v, nil
}

// outcome is what is written for one expression.
type outcome struct {
	kind kind
	text string
	kept bool // the expression stays
}

// outcome evaluates the expression of one part.
func (v *evaluator) outcome(p part) (outcome, *backend.Error) {
	r, err := v.eval(p.expr.root)
	switch {
	case err == nil:
	case !missing(err), v.options.Missing == MissingError:
		return outcome{}, err
	case v.options.Missing == MissingKeep:
		return outcome{text: p.text, kept: true}, nil
	default:
		r = result{kind: kindNull}
	}
	b := r.bytes()
	if !utf8.Valid(b) {
		return outcome{}, errBinary()
	}
	return outcome{kind: r.kind, text: string(b)}, nil
}
