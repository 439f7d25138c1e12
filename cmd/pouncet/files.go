// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// template is a file to be rendered. Its Name is what the user calls it, for
// messages; target is where it goes, below the folder named by -o.
type template struct {
	interpolate.File
	target string
}

// readSources reads what the arguments name, which must fit where it goes to.
func (a *app) readSources(c *cobra.Command, r *readingFlags, args []string, to destination) ([]template, error) {
	var sources []template
	folders := false
	for _, arg := range args {
		if arg == "-" {
			if to.inPlace || to.folder != "" {
				return nil, usage(c, "standard input goes to standard output: leave out -o and --in-place")
			}
			data, err := interruptible(c.Context(), func() ([]byte, error) { return io.ReadAll(a.in) })
			if err != nil {
				return nil, backend.Errorf(backend.CodeInvalid, "reading standard input: %w", err)
			}
			sources = append(sources, template{File: r.file("-", data)})
			continue
		}
		stat := os.Stat
		if to.inPlace {
			stat = os.Lstat // what a link leads to stays as it is
		}
		info, err := stat(arg)
		if err != nil {
			return nil, backend.Errorf(backend.CodeInvalid, "reading what to render: %w", err)
		}
		if info.IsDir() {
			folders = true
			below, err := readFolder(r, arg, to.stream)
			if err != nil {
				return nil, err
			}
			sources = append(sources, below...)
			continue
		}
		if to.inPlace && !info.Mode().IsRegular() {
			return nil, usage(c, "%s is not a file, and is not written over", arg)
		}
		data, err := os.ReadFile(arg)
		if err != nil {
			return nil, backend.Errorf(backend.CodeInvalid, "reading what to render: %w", err)
		}
		target := filepath.Clean(arg)
		if !filepath.IsLocal(target) {
			target = filepath.Base(target) // not below the working folder: its name alone
		}
		sources = append(sources, template{r.file(arg, data), target})
	}
	switch {
	case to.inPlace && to.folder != "", to.stream && to != destination{stream: true}:
		return nil, usage(c, "-o, --in-place and --stream exclude one another")
	case to.inPlace:
		return sources, nil
	case to.folder != "":
		return sources, checkTargets(c, sources, to.folder)
	}
	if !to.stream && (len(sources) != 1 || folders) {
		return nil, usage(c, "several files, or a folder, need a folder to write to: -o DIR (or --in-place, or --stream)")
	}
	return sources, nil
}

// readFolder reads the configuration files below a folder, but for those in hidden
// folders and those that are links: these may lead anywhere.
func readFolder(r *readingFlags, folder string, yamlOnly bool) ([]template, error) {
	var sources []template
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != folder {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() || !interpolate.IsConfigurationFile(path) || yamlOnly && interpolate.FormatOf(path) != interpolate.FormatYAML {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target, err := filepath.Rel(folder, path)
		sources = append(sources, template{r.file(path, data), target})
		return err
	})
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "reading %s: %w", folder, err)
	}
	if len(sources) == 0 {
		return nil, backend.Errorf(backend.CodeInvalid, "there is no YAML, JSON, TOML, properties or .env file in %s", folder).
			WithHint("name the files themselves if they are called otherwise")
	}
	return sources, nil
}

// checkTargets refuses two files for one place, and to put a rendered file
// over its source: values would be where references were, often under version
// control, and the references gone.
func checkTargets(c *cobra.Command, sources []template, into string) error {
	known := originals(sources)
	taken := map[string]bool{}
	for _, t := range sources {
		if taken[t.target] {
			return usage(c, "two files would be written to %s", filepath.Join(into, t.target))
		}
		taken[t.target] = true
		there, err := os.Stat(filepath.Join(into, t.target))
		if err != nil {
			continue // what is wrong with it, if anything, shows when it is written
		}
		for _, other := range known[likenessOf(there)] {
			if os.SameFile(there, other.info) {
				return usage(c, "%s would be overwritten with its values: name another folder by -o", other.name)
			}
		}
	}
	return nil
}

// likeness is what one file has in common with itself under another name, and
// with few others: which file it is, os.FileInfo does not say.
type likeness struct {
	size     int64
	modified time.Time
}

func likenessOf(info os.FileInfo) likeness { return likeness{info.Size(), info.ModTime()} }

type original struct {
	name string
	info os.FileInfo
}

func originals(sources []template) map[likeness][]original {
	out := map[likeness][]original{}
	for _, t := range sources {
		if info, err := os.Stat(t.Name); err == nil {
			out[likenessOf(info)] = append(out[likenessOf(info)], original{t.Name, info})
		}
	}
	return out
}

// openFolder opens the folder to write to, which it makes if need be. Through
// an os.Root nothing leads out of it, no link in it either.
func openFolder(path string) (*os.Root, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "making the folder %s: %w", path, err)
	}
	folder, err := os.OpenRoot(path)
	if err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "opening the folder %s: %w", path, err)
	}
	return folder, nil
}

// writeWhole writes a file that is there whole or not at all, also after a
// crash, and that only its owner can read.
func writeWhole(folder *os.Root, name string, data []byte) error {
	dir := filepath.Dir(name)
	temporary := filepath.Join(dir, "."+filepath.Base(name)+"-"+rand.Text())
	err := folder.MkdirAll(dir, 0o700)
	if err == nil {
		err = writeNew(folder, temporary, data)
	}
	if err == nil {
		err = folder.Rename(temporary, name)
	}
	if err != nil {
		_ = folder.Remove(temporary)
		return backend.Errorf(backend.CodeUnavailable, "writing %s: %w", filepath.Join(folder.Name(), name), err).
			WithHint("nothing is there in part; what stood there before still does")
	}
	return nil
}

// settle makes the renames in a folder outlast a crash, where the file system
// can do that.
func settle(folder *os.Root, dir string) {
	if d, err := folder.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func writeNew(folder *os.Root, name string, data []byte) error {
	f, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
