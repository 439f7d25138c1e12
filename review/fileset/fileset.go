// SPDX-License-Identifier: MPL-2.0

// Package fileset selects the files that the paths of a command name. All commands that read files use these rules:
//
//   - A path of a file selects this file, whatever its name, even through a symbolic link.
//   - A path of a folder selects the files below it with the extension of a configuration format.
//   - Hidden files and folders are selected like others. Only .git and .pouncet are never selected below a folder.
//   - Below a folder, only regular files are selected. A symbolic link is not, because it may point anywhere.
//   - Below a folder, a file that git ignores is not selected, unless it is under version control.
//   - Below a folder, the folder for results is not searched.
//   - A file or folder that a pattern of Exclude matches is not selected, even if a path names it.
//
// A file or folder that cannot be read is a problem, and so is a named pipe or device. The other files are selected all
// the same.
package fileset

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// Rules are the rules that the caller chooses.
type Rules struct {
	// Selects reports whether a file below a folder is read, by its name. Nil means scan.IsConfigurationFile.
	Selects func(name string) bool

	// Exclude holds patterns. A pattern without a slash is compared with the name of each file and folder. A pattern with
	// a slash is compared with the path as a message shows it. "*" matches any part of a name, and "**" matches any
	// folders.
	Exclude []string

	// Output is the folder of the results of earlier runs, or "". Below a folder that a path names, it is not searched.
	Output string

	// Skipped, if it is set, is called for each regular file below a folder that Selects leaves out.
	Skipped func(name string)

	// NotIgnored, if it is set, is called for a folder in a repository of which git does not say what it ignores, with
	// the reason. Nothing is ignored there.
	NotIgnored func(folder, reason string)

	// Empty, if it is set, is called for each path that selects no file and has no problem.
	Empty func(Empty)

	// Ignored says that files which git ignores are selected too.
	Ignored bool
}

// Empty is a path that selects no file.
type Empty struct {
	Path     string
	File     bool   // Path is a file, which a pattern of Exclude matches
	Excluded string // the first file or folder that a pattern of Exclude leaves out, or ""
	Ignored  string // the first file or folder that git ignores, or ""
}

// ValidPattern reports whether a pattern of Exclude is well-formed.
func ValidPattern(pattern string) bool { return pattern != "" && doublestar.ValidatePattern(pattern) }

// Unreadable returns the problem of a file or folder that cannot be read.
func Unreadable(name string, err error) scan.Problem {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // the problem has the path anyway
	}
	return problem(name, backend.Errorf(backend.CodeInvalid, "the file or folder cannot be read: %w", err).
		WithHint("change its permissions, or exclude it with --exclude"))
}

// irregular returns the problem of a pipe or a device. It is not read, because that can wait or never end.
func irregular(name string) scan.Problem {
	return problem(name, backend.Errorf(backend.CodeInvalid, "the path is a pipe or a device, and not a regular file").
		WithHint("to read a pipe, connect it to standard input, and write - for its name"))
}

func problem(name string, err *backend.Error) scan.Problem {
	return scan.Problem{Pos: scan.Position{File: filepath.ToSlash(name), Line: 1, Column: 1}, Err: err}
}

// List returns the files that paths select, sorted, and what cannot be read. A path that does not exist is an error.
func (r Rules) List(ctx context.Context, paths []string) ([]string, scan.Problems, error) {
	var files []string
	var problems scan.Problems
	for _, p := range paths {
		found, unreadable, err := r.Walk(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		files, problems = append(files, found...), append(problems, unreadable...)
	}
	slices.Sort(files)
	return slices.Compact(files), problems, nil
}

// Walk returns the files that one path selects, in the order of their names, and what cannot be read.
func (r Rules) Walk(ctx context.Context, root string) (files []string, problems scan.Problems, err error) {
	info, err := os.Stat(root) // follows a link that the user named
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, backend.Errorf(backend.CodeInvalid, "reading %s: %w", backend.Quote(root), err)
	case r.excludesNamed(root):
		r.reportEmpty(Empty{Path: root, File: err != nil || !info.IsDir(), Excluded: filepath.Clean(root)})
		return nil, nil, nil
	case err != nil:
		return nil, scan.Problems{Unreadable(filepath.Clean(root), err)}, nil
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil, scan.Problems{irregular(filepath.Clean(root))}, nil
	case !info.IsDir():
		return []string{filepath.Clean(root)}, nil, nil
	}
	ignored := map[string]bool{}
	if !r.Ignored {
		ignored = r.ignoredByGit(ctx, root)
	}
	start := root
	if linked, err := os.Lstat(root); err == nil && linked.Mode()&fs.ModeSymlink != 0 {
		start = root + string(filepath.Separator) // WalkDir does not follow a link
	}
	empty := Empty{Path: root}
	err = filepath.WalkDir(start, func(name string, d fs.DirEntry, err error) error {
		clean := filepath.Clean(name)
		switch {
		case err != nil:
			problems = append(problems, Unreadable(clean, err))
			return nil
		case name == start:
			return ctx.Err()
		case isOwnFolder(d.Name()) && d.IsDir(), r.excludes(clean), ignored[clean], r.isOutput(clean):
			empty.leftOut(clean, r.excludes(clean), ignored[clean])
			if d.IsDir() {
				return filepath.SkipDir
			}
		case !d.Type().IsRegular():
		case r.selects(clean):
			files = append(files, clean)
		case r.Skipped != nil:
			r.Skipped(clean)
		}
		return nil
	})
	if err == nil && len(files)+len(problems) == 0 {
		r.reportEmpty(empty)
	}
	return files, problems, err
}

// leftOut notes why a file or folder is not selected.
func (e *Empty) leftOut(name string, excluded, ignored bool) {
	switch {
	case excluded && e.Excluded == "":
		e.Excluded = name
	case ignored && e.Ignored == "":
		e.Ignored = name
	}
}

func (r Rules) reportEmpty(e Empty) {
	if r.Empty != nil {
		r.Empty(e)
	}
}

// Below reports whether List would select a file of a git revision: one of paths is the file, or a folder above it. All
// names are relative to the working folder. Git ignores no file under version control.
func (r Rules) Below(paths []string, file string) bool {
	if r.excludesNamed(file) {
		return false
	}
	for _, p := range paths {
		p = filepath.Clean(p)
		if p == file {
			return true
		}
		below, err := filepath.Rel(p, file)
		inOwn := slices.ContainsFunc(strings.Split(filepath.ToSlash(below), "/"), isOwnFolder)
		if err == nil && filepath.IsLocal(below) && !inOwn && r.selects(file) {
			return true
		}
	}
	return false
}

// isOutput reports whether a path is the folder for results.
func (r Rules) isOutput(name string) bool {
	if r.Output == "" || filepath.Base(name) != filepath.Base(filepath.Clean(r.Output)) {
		return false
	}
	output, err := os.Stat(r.Output)
	if err != nil {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && info.IsDir() && os.SameFile(info, output)
}

func isOwnFolder(name string) bool { return name == ".git" || name == ".pouncet" }

func (r Rules) selects(name string) bool {
	if r.Selects != nil {
		return r.Selects(name)
	}
	return scan.IsConfigurationFile(name)
}

// excludes reports whether a pattern matches a path.
func (r Rules) excludes(name string) bool {
	slashed := filepath.ToSlash(filepath.Clean(name))
	return slices.ContainsFunc(r.Exclude, func(pattern string) bool {
		if !strings.Contains(pattern, "/") {
			return doublestar.MatchUnvalidated(pattern, path.Base(slashed))
		}
		return doublestar.MatchUnvalidated(strings.TrimSuffix(path.Clean(pattern), "/"), slashed)
	})
}

// excludesNamed reports whether a pattern matches a path or, if it is below the working folder, a folder that it is in.
func (r Rules) excludesNamed(name string) bool {
	name = filepath.Clean(name)
	for parent := name; ; parent = filepath.Dir(parent) {
		if r.excludes(parent) {
			return true
		}
		if !filepath.IsLocal(name) || parent == filepath.Dir(parent) {
			return false
		}
	}
}

// ignoredByGit returns the files and folders below a folder that git ignores. It asks git, which knows the files under
// version control and all places of patterns. Without git and outside a repository, nothing is ignored.
func (r Rules) ignoredByGit(ctx context.Context, folder string) map[string]bool {
	ignored := map[string]bool{}
	if !inRepository(folder) {
		return ignored
	}
	// A repository can name a program as its monitor of files, which must not run here.
	cmd := exec.CommandContext(ctx, "git", "-c", "core.fsmonitor=false", "-C", folder,
		"ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		// A folder ".git" alone makes no repository.
		reason := gitReason(err)
		if r.NotIgnored != nil && ctx.Err() == nil && !strings.HasPrefix(reason, "not a git repository") {
			r.NotIgnored(folder, reason)
		}
		return ignored
	}
	for name := range bytes.SplitSeq(out, []byte{0}) {
		// A folder that the user names is selected, even if git ignores it.
		if p := filepath.FromSlash(strings.TrimSuffix(string(name), "/")); p != "" && p != "." {
			ignored[filepath.Join(folder, p)] = true
		}
	}
	return ignored
}

// gitReason returns the first line that git prints about an error.
func gitReason(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(exit.Stderr) == 0 {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(exit.Stderr), "\n")
	return strings.TrimPrefix(line, "fatal: ")
}

// inRepository reports whether a folder is in a git repository, without a process.
func inRepository(folder string) bool {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return false
	}
	for {
		if _, err := os.Lstat(filepath.Join(folder, ".git")); err == nil {
			return true
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return false
		}
		folder = parent
	}
}
