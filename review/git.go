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
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// Revision is the files of a git revision, of which those are read that differ
// from the working folder's.
type Revision struct {
	Files     []string // all that paths select in the revision
	Sources   []*Source
	Unchanged map[string]bool // files that are as they were
}

// Revision reads, without a checkout, the files below paths as they are in
// a revision. The paths are relative to the working folder, which is within the
// repository; they select as Find does.
func (r Reader) Revision(ctx context.Context, revision string, paths []string) (*Revision, error) {
	commit, err := git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "%s is not a git revision of the repository that the working folder is in: %w", backend.Quote(revision), err).
			WithHint("name a commit, a branch or a tag; a shallow clone may have to be deepened")
	}
	listing, err := git(ctx, append([]string{"ls-tree", "-r", "-z", strings.TrimSpace(string(commit)), "--"}, paths...)...)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "listing the files of %s: %w", backend.Quote(revision), err)
	}
	blobs, err := selectBlobs(listing, paths)
	if err != nil {
		return nil, err
	}
	out := &Revision{Unchanged: map[string]bool{}}
	for _, b := range blobs {
		out.Files = append(out.Files, filepath.ToSlash(b.name))
	}
	var changed []interpolate.File
	err = readBlobs(ctx, blobs, func(name string, data []byte) {
		now, err := os.ReadFile(name)
		if err == nil && bytes.Equal(now, data) {
			out.Unchanged[filepath.ToSlash(name)] = true
			return
		}
		changed = append(changed, interpolate.File{Name: filepath.ToSlash(name), Data: data})
	})
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "reading the files of %s: %w", backend.Quote(revision), err)
	}
	out.Sources, err = r.scanAll(ctx, len(changed), func(i int) (interpolate.File, error) { return changed[i], nil })
	return out, err
}

// Changed are the sources of head that the revision does not have as they are.
func (r *Revision) Changed(head []*Source) []*Source {
	return slices.DeleteFunc(slices.Clone(head), func(s *Source) bool { return r.Unchanged[s.Name] })
}

type blob struct{ name, id string }

// selectBlobs picks from `git ls-tree -r -z`, whose names are relative to the
// working folder, the files that Find would.
func selectBlobs(listing []byte, paths []string) ([]blob, error) {
	var out []blob
	for line := range strings.SplitSeq(strings.TrimSuffix(string(listing), "\x00"), "\x00") {
		if line == "" {
			continue
		}
		meta, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 3 {
			return nil, backend.Errorf(backend.CodeInternal, "git listed a file in a form that is not known")
		}
		if !strings.HasPrefix(fields[0], "100") { // neither links nor other repositories
			continue
		}
		name = filepath.Clean(filepath.FromSlash(name))
		named := slices.ContainsFunc(paths, func(p string) bool { return filepath.Clean(p) == name })
		inOwn := slices.ContainsFunc(strings.Split(filepath.ToSlash(name), "/"), isOwnFolder)
		if named || interpolate.IsConfigurationFile(name) && !inOwn {
			out = append(out, blob{name, fields[2]})
		}
	}
	return out, nil
}

// readBlobs hands over the contents of blobs, by one process of git.
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
		_ = cmd.Process.Kill() // it would wait for its output to be read
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
	var got, kind string
	var size int
	if n, _ := fmt.Sscanf(header, "%s %s %d", &got, &kind, &size); n != 3 || got != id || kind != "blob" {
		return nil, errors.New("git does not have object " + id)
	}
	data := make([]byte, size+1) // and a line feed
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	return data[:size], nil
}

func git(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		err = errors.New(said)
	}
	return out, err
}
