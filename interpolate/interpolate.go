// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Resolver resolves references. A backend.Service is a Resolver.
type Resolver interface {
	// Resolve returns one Resolution per Ref, in the order of refs. Each Resolution has its own error. If Resolve
	// itself returns an error, it resolved nothing.
	Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error)
}

// Missing says what Render writes for a reference to an entry that does not exist and has no default. It covers no
// other case: an entry that cannot be decrypted, or an environment that does not exist, is always a problem.
type Missing int

// The values of Missing.
const (
	MissingError Missing = iota // Render reports a Problem
	MissingNull                 // Render writes null, or None inside longer text
	MissingKeep                 // Render leaves the expression in the file
)

// Options configure Render. Project, Environment and Scope apply to references that do not name their own.
type Options struct {
	Project     string
	Environment string
	Scope       string // "" is the scope of the project

	Missing Missing

	// Strict makes every warning a problem, and every position of Document.Unclear. So is a missing reference that
	// MissingNull would make the word None.
	Strict bool

	// OneStream says that the files will be read as one, such as a stream of YAML documents. An expression of another
	// tool in one of them then limits the values of all.
	OneStream bool

	// LookupEnv returns the values of env_var, as os.LookupEnv does. Several goroutines call it at the same time. If
	// it is nil, every env_var is a problem.
	LookupEnv func(name string) (string, bool)

	// Warn, if it is set, receives the warnings of every file, in the order of the files. See Document.Warnings and
	// Document.Unencoded.
	Warn func(Problem)

	// Filled, if it is set, receives the scalars that Render fills secrets into, to hide them later. Several goroutines
	// call it at the same time, and a scalar can be passed twice. Scalars of a file with a problem can be missing.
	Filled func(Filled)

	// Progress, if it is set, receives the number of files that Render has scanned, and then the number of files that
	// it has filled in. Several goroutines call it at the same time.
	Progress func(stage Stage, done, files int)
}

// Filled is a scalar with secrets in it. In plain text and templates, each expression is a scalar.
type Filled struct {
	Pos        Position // of the first expression with a secret
	Expression string   // as written
	Secrets    []string // what replaces each expression with a secret: after fields, json_value and filters
	Value      string   // of the whole scalar
}

// Stage is a step of Render that Options.Progress counts.
type Stage string

// The stages, in their order.
const (
	StageScan Stage = "scanned"
	StageFill Stage = "filled in"
)

// progressStep returns a function that reports one more finished file of a stage.
func (o Options) progressStep(stage Stage, files int) func() {
	if o.Progress == nil {
		return func() {}
	}
	var done atomic.Int64
	return func() { o.Progress(stage, int(done.Add(1)), files) }
}

// Render replaces the references in all files with their values, and returns the files in the same order. It calls
// Resolve once, with the distinct references of all files, or not at all if there are none. It does not look for
// references in the values.
//
// If any reference in any file has a problem, Render returns no file, and its error is Problems, which lists all of
// them: errors that a file alone shows, and missing references in all files. Any other error is about the call
// as a whole: the error of the resolver, one that matches backend.ErrTooLarge for more than backend.MaxRefs references,
// or the error of the context.
func Render(ctx context.Context, r Resolver, files []File, o Options) ([]File, error) {
	docs, err := scanAll(ctx, files, o)
	if err != nil {
		return nil, err
	}
	values, err := resolveAll(ctx, r, docs, o)
	if found := problemsOf(docs); err != nil && ctx.Err() == nil && len(found) > 0 {
		return nil, found // a file has to be corrected anyway
	}
	if err != nil {
		return nil, err
	}
	if o.OneStream {
		joinTemplates(docs)
	}
	values.noteKept(docs)
	out := make([]File, len(docs))
	step := o.progressStep(StageFill, len(docs))
	problems, err := inParallel(ctx, len(docs), func(i int) Problems {
		data, problems := docs[i].finish(values)
		out[i] = File{Name: files[i].Name, Data: data}
		docs[i] = nil // a document is several times as large as its file, so free each one at once
		step()
		return problems
	})
	switch {
	case err != nil:
		return nil, err
	case len(problems) > 0:
		return nil, problems
	}
	return out, nil
}

// scanAll scans the files in parallel, and passes their warnings to o.Warn in the order of the files. It keeps the
// problems of each file, so that the references of all files are resolved first, and all problems come at once.
func scanAll(ctx context.Context, files []File, o Options) ([]*Document, error) {
	docs := make([]*Document, len(files))
	step := o.progressStep(StageScan, len(files))
	_, err := inParallel(ctx, len(files), func(i int) Problems {
		defer step()
		d := &Document{file: files[i]}
		docs[i] = d
		d.problems = d.scan(false)
		d.broken = len(d.problems) > 0
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		warnings := slices.Concat(d.warnings, d.unfilled, d.unencoded)
		switch {
		case o.Strict:
			d.problems = slices.Concat(d.problems, warnings, d.unclear)
		case o.Warn != nil:
			for _, s := range warnings {
				o.Warn(s)
			}
		}
	}
	return docs, nil
}

// problemsOf returns the problems of all documents, in their order.
func problemsOf(docs []*Document) Problems {
	var out Problems
	for _, d := range docs {
		out = append(out, d.problems...)
	}
	return out
}

// inParallel calls f with the numbers from 0 to n-1, on all processors. It returns the problems in the order of the
// numbers. Its error is the error of the context.
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
