// SPDX-License-Identifier: MPL-2.0

// Command platforms checks that every package of this repository, tests among
// them, compiles for each platform that a release is built for, and vets it.
//
//	go -C tools run ./platforms [GOOS/GOARCH...]
//
// It type-checks from source. `GOOS=windows go vet ./...` would first compile
// all dependencies for that platform: 8 minutes of processor time for each
// platform without a cache. This takes 15 seconds, because it reads no function
// bodies of dependencies.
//
// # Limits
//
// Analyzers that need facts about dependencies (printf, lostcancel) do not run.
// `go vet` runs them for the platform that CI has.
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/passes/appends"
	"golang.org/x/tools/go/analysis/passes/assign"
	"golang.org/x/tools/go/analysis/passes/atomic"
	"golang.org/x/tools/go/analysis/passes/bools"
	"golang.org/x/tools/go/analysis/passes/buildtag"
	"golang.org/x/tools/go/analysis/passes/composite"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/analysis/passes/defers"
	"golang.org/x/tools/go/analysis/passes/directive"
	"golang.org/x/tools/go/analysis/passes/errorsas"
	"golang.org/x/tools/go/analysis/passes/ifaceassert"
	"golang.org/x/tools/go/analysis/passes/nilfunc"
	"golang.org/x/tools/go/analysis/passes/shift"
	"golang.org/x/tools/go/analysis/passes/sigchanyzer"
	"golang.org/x/tools/go/analysis/passes/stdmethods"
	"golang.org/x/tools/go/analysis/passes/stringintconv"
	"golang.org/x/tools/go/analysis/passes/structtag"
	"golang.org/x/tools/go/analysis/passes/unreachable"
	"golang.org/x/tools/go/analysis/passes/unsafeptr"
	"golang.org/x/tools/go/packages"
)

// platforms are the platforms in .goreleaser.yml.
var platforms = []string{
	"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64",
}

var analyzers = []*analysis.Analyzer{
	appends.Analyzer, assign.Analyzer, atomic.Analyzer, bools.Analyzer, buildtag.Analyzer, composite.Analyzer,
	copylock.Analyzer, defers.Analyzer, directive.Analyzer, errorsas.Analyzer, ifaceassert.Analyzer, nilfunc.Analyzer,
	shift.Analyzer, sigchanyzer.Analyzer, stdmethods.Analyzer, stringintconv.Analyzer, structtag.Analyzer,
	unreachable.Analyzer, unsafeptr.Analyzer,
}

func main() {
	if len(os.Args) > 1 {
		platforms = os.Args[1:]
	}
	root, err := filepath.Abs("..")
	if err != nil {
		fail(err)
	}
	broken := false
	for _, p := range platforms {
		problems, err := check(root, p)
		if err != nil {
			fail(fmt.Errorf("%s: %w", p, err))
		}
		for _, problem := range problems {
			fmt.Fprintf(os.Stderr, "%s: %s\n", p, problem)
		}
		broken = broken || len(problems) > 0
	}
	if broken {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "platforms:", err)
	os.Exit(1)
}

// check returns what does not compile for a platform, and what vet reports there.
func check(root, platform string) ([]string, error) {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return nil, errors.New("a platform is GOOS/GOARCH")
	}
	loaded, err := packages.Load(&packages.Config{
		Mode:  packages.LoadAllSyntax,
		Dir:   root,
		Env:   append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		Tests: true,
		ParseFile: func(fset *token.FileSet, name string, text []byte) (*ast.File, error) {
			return parse(root, fset, name, text)
		},
	}, "./...")
	if err != nil {
		return nil, err
	}
	// The main packages that `go test` generates are not in this repository, so they are not checked.
	own := slices.DeleteFunc(loaded, func(p *packages.Package) bool { return strings.HasSuffix(p.ID, ".test") })
	if len(own) == 0 {
		return nil, errors.New("no packages")
	}
	var out []string
	for _, p := range own {
		for _, e := range p.Errors {
			out = append(out, e.Error())
		}
		p.IllTyped = false // dependencies count as ill-typed: without bodies, some of their imports are unused
	}
	if len(out) > 0 {
		return compact(out), nil
	}
	graph, err := checker.Analyze(analyzers, own, nil)
	if err != nil {
		return nil, err
	}
	for action := range graph.All() {
		if action.Err != nil {
			return nil, action.Err
		}
		for _, d := range action.Diagnostics {
			out = append(out, fmt.Sprintf("%s: %s", action.Package.Fset.Position(d.Pos), d.Message))
		}
	}
	return compact(out), nil
}

// compact sorts the reports and removes those that the test variant of a package repeats.
func compact(lines []string) []string {
	slices.Sort(lines)
	return slices.Compact(lines)
}

// parse leaves out the bodies of functions in dependencies, because only their types are needed.
func parse(root string, fset *token.FileSet, name string, text []byte) (*ast.File, error) {
	if below, err := filepath.Rel(root, name); err == nil && filepath.IsLocal(below) {
		return parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	}
	file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if file != nil {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				f.Body = nil
			}
		}
	}
	return file, err
}
