// SPDX-License-Identifier: MPL-2.0

package review

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// Revision holds files of a git revision.
type Revision struct {
	Files     []string        // all files that the paths select in the revision
	Sources   []*Source       // the files that differ from the working folder
	Unchanged map[string]bool // the files that are the same in the working folder

	leaks map[leakLines]int // the secrets that were in Sources: newLeaks compares with them
}

// Revision reads files of a git revision without a checkout. The paths are relative to the working folder, which must
// be in the repository. They select files as in ListFiles.
func (r Reader) Revision(ctx context.Context, revision string, paths []string) (*Revision, error) {
	commit, err := git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	switch {
	case errors.As(err, new(*exec.ExitError)): // git has no text for it
		return nil, backend.Errorf(backend.CodeInvalid, "%s is not a valid git revision", backend.Quote(revision)).
			WithHint("use a commit, a branch or a tag; in a shallow clone, run git fetch --unshallow first")
	case err != nil:
		return nil, backend.Errorf(backend.CodeInvalid, "reading git revision %s: %w", backend.Quote(revision), err).
			WithHint("run the command in a git repository that has the revision")
	}
	listing, err := git(ctx, append([]string{"ls-tree", "-r", "-z", strings.TrimSpace(string(commit)), "--"}, paths...)...)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "listing the files of %s: %w", backend.Quote(revision), err)
	}
	blobs, err := r.selectBlobs(listing, paths)
	if err != nil {
		return nil, err
	}
	out := &Revision{Unchanged: map[string]bool{}}
	for _, b := range blobs {
		out.Files = append(out.Files, filepath.ToSlash(b.name))
	}
	changedBlobs, err := differing(ctx, blobs)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "comparing the files with %s: %w", backend.Quote(revision), err)
	}
	for _, b := range blobs {
		out.Unchanged[filepath.ToSlash(b.name)] = true
	}
	var changed []scan.File
	err = readBlobs(ctx, changedBlobs, func(name string, data []byte) {
		if now, err := os.ReadFile(name); err == nil && bytes.Equal(now, data) {
			return // a name that git could not be asked for
		}
		delete(out.Unchanged, filepath.ToSlash(name))
		changed = append(changed, scan.File{Name: filepath.ToSlash(name), Data: data})
	})
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "reading the files of %s: %w", backend.Quote(revision), err)
	}
	out.Sources, err = r.scanAll(ctx, len(changed), func(i int) (scan.File, error) { return changed[i], nil })
	out.leaks = countLeaks(out.Sources)
	for _, s := range out.Sources {
		s.Leaks = nil
	}
	return out, err
}

// Changed returns the sources of head that differ from the revision, with the secrets in changed lines.
func (r *Revision) Changed(head []*Source) []*Source {
	changed := slices.DeleteFunc(slices.Clone(head), func(s *Source) bool { return r.Unchanged[s.Name] })
	return newLeaks(r.leaks, changed)
}

// All returns the sources of the whole revision, if head has the sources of the working folder.
func (r *Revision) All(head []*Source) []*Source {
	unchanged := slices.DeleteFunc(slices.Clone(head), func(s *Source) bool { return !r.Unchanged[s.Name] })
	return append(unchanged, r.Sources...)
}

type blob struct{ name, id string }

// differing returns the blobs whose file in the working folder is missing or may have other bytes. One git process
// compares all files that it can be asked for.
func differing(ctx context.Context, blobs []blob) ([]blob, error) {
	var names strings.Builder
	var out, compared []blob
	for _, b := range blobs {
		// git takes a quote at the beginning of a line for a name with escapes.
		if !isReadable(b.name) || strings.ContainsAny(b.name, "\n\r") || strings.HasPrefix(b.name, `"`) {
			out = append(out, b)
			continue
		}
		names.WriteString(b.name + "\n")
		compared = append(compared, b)
	}
	if len(compared) == 0 {
		return out, nil
	}
	ids, err := gitWithInput(ctx, names.String(), "hash-object", "--no-filters", "--stdin-paths")
	if err != nil {
		return nil, err
	}
	for i, id := range strings.Fields(string(ids)) {
		if i < len(compared) && id != compared[i].id {
			out = append(out, compared[i])
		}
	}
	return out, nil
}

// isReadable reports whether a regular file can be opened. git would fail for all files because of one.
func isReadable(name string) bool {
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// selectBlobs selects the files that ListFiles would from the output of `git ls-tree -r -z`. Its names are relative to
// the working folder.
func (r Reader) selectBlobs(listing []byte, paths []string) ([]blob, error) {
	var out []blob
	rules := r.rules()
	for line := range strings.SplitSeq(strings.TrimSuffix(string(listing), "\x00"), "\x00") {
		if line == "" {
			continue
		}
		meta, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 3 {
			return nil, backend.Errorf(backend.CodeInternal, "the output of git ls-tree cannot be parsed")
		}
		if !strings.HasPrefix(fields[0], "100") { // skip links and submodules
			continue
		}
		name = filepath.Clean(filepath.FromSlash(name))
		if rules.Below(paths, name) {
			out = append(out, blob{name, fields[2]})
		}
	}
	return out, nil
}

// readBlobs reads the contents of blobs with one git process, and calls f for each.
func readBlobs(ctx context.Context, blobs []blob, f func(name string, data []byte)) error {
	if len(blobs) == 0 {
		return nil
	}
	var ids strings.Builder
	for _, b := range blobs {
		ids.WriteString(b.id + "\n")
	}
	cmd := exec.CommandContext(ctx, "git", "cat-file", "--batch")
	cmd.Stdin = strings.NewReader(ids.String())
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	out := bufio.NewReaderSize(pipe, 1<<16)
	for _, b := range blobs {
		var data []byte
		if data, err = readBlob(out, b.id); err != nil {
			break
		}
		f(b.name, data)
	}
	if err != nil {
		_ = cmd.Process.Kill() // otherwise it waits until its output is read
		_ = cmd.Wait()
		return err
	}
	return cmd.Wait()
}

func readBlob(r *bufio.Reader, id string) ([]byte, error) {
	header, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	var got, objectType string
	var size int
	if n, _ := fmt.Sscanf(header, "%s %s %d", &got, &objectType, &size); n != 3 || got != id || objectType != "blob" {
		return nil, errors.New("git object " + id + " does not exist")
	}
	data := make([]byte, size+1) // and a line feed
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	return data[:size], nil
}

func git(ctx context.Context, args ...string) ([]byte, error) { return gitWithInput(ctx, "", args...) }

func gitWithInput(ctx context.Context, input string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Stdin = strings.NewReader(input)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if text := strings.TrimSpace(stderr.String()); err != nil && text != "" {
		err = errors.New(text) // the error of the process has only its exit code
	}
	return out, err
}
