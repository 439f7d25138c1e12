// SPDX-License-Identifier: MPL-2.0

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
// A file with references has at most MaxFileBytes, and in YAML MaxNesting mappings
// and sequences within one another; of what is wrong with it, MaxProblems are
// told. What is within these limits takes time and memory that grow with its
// length and no faster: in YAML, about 5 bytes for each byte of a file of the
// usual form, and 45 where it has to be parsed. Aliases are never followed.
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
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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

	// LookupEnv gives env_var its values, as os.LookupEnv does, to several
	// goroutines at once. Without it every env_var is an error.
	LookupEnv func(name string) (string, bool)

	// Warn, if set, is told of places that look as if a reference was meant:
	// Document.Warnings of every file.
	Warn func(Problem)

	// Progress, if set, is told how many of the files have been scanned and then,
	// once the references are resolved, how many have been filled in. It is
	// called from several goroutines.
	Progress func(stage Stage, done, files int)
}

// Stage is one of the two things that Render does with each file.
type Stage string

// The stages.
const (
	StageScan Stage = "scanned"
	StageFill Stage = "filled in"
)

// steps counts the files of a stage, for Progress.
func (o Options) progressStep(stage Stage, files int) func() {
	if o.Progress == nil {
		return func() {}
	}
	var done atomic.Int64
	return func() { o.Progress(stage, int(done.Add(1)), files) }
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
	docs, err := scanAll(ctx, files, o)
	if err != nil {
		return nil, err
	}
	values, err := resolveAll(ctx, r, docs, o)
	if err != nil {
		return nil, err
	}
	out := make([]File, len(docs))
	step := o.progressStep(StageFill, len(docs))
	problems, err := inParallel(ctx, len(docs), func(i int) Problems {
		data, wrong := docs[i].fill(values)
		out[i] = File{Name: files[i].Name, Data: data}
		docs[i] = nil // it is several times as large as the file
		step()
		return wrong
	})
	switch {
	case err != nil:
		return nil, err
	case len(problems) > 0:
		return nil, problems
	}
	return out, nil
}

// scanAll scans the files, and warns in their order.
func scanAll(ctx context.Context, files []File, o Options) ([]*Document, error) {
	docs := make([]*Document, len(files))
	step := o.progressStep(StageScan, len(files))
	problems, err := inParallel(ctx, len(files), func(i int) Problems {
		defer step()
		docs[i] = &Document{file: files[i]}
		return docs[i].scan()
	})
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		if o.Warn != nil {
			for _, s := range d.warnings {
				o.Warn(s)
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return docs, nil
}

// each calls f for the numbers below n, on all processors and no more at once,
// and returns the problems in the order of the numbers. Its error is the context's.
func inParallel(ctx context.Context, n int, f func(i int) Problems) (Problems, error) {
	problems := make([]Problems, n)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				problems[i] = f(i)
			}
		})
	}
	workers.Wait()
	return slices.Concat(problems...), ctx.Err()
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
	v.resolutions = found
	return v, nil
}

// outcome is what is written for one expression.
type replacement struct {
	typ  resultType
	text string
	kept bool // the expression stays
}

// outcome evaluates the expression of one part.
func (v *evaluator) replacement(p part) (replacement, *backend.Error) {
	r, err := v.eval(p.expr.root)
	switch {
	case err == nil:
	case !missing(err), v.options.Missing == MissingError:
		return replacement{}, err
	case v.options.Missing == MissingKeep:
		return replacement{text: p.text, kept: true}, nil
	default:
		r = result{typ: typeNull}
	}
	b := r.bytes()
	if !utf8.Valid(b) {
		return replacement{}, errBinary()
	}
	return replacement{typ: r.typ, text: string(b)}, nil
}
