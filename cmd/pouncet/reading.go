// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// readingFlags say what files are read as.
type readingFlags struct{ format, dialect string }

func (r *readingFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&r.format, "file-format", "", "what the files are, whatever their names say: "+words(interpolate.Formats))
	c.Flags().StringVar(&r.dialect, "dialect", "", "read them as another tool does: "+words(interpolate.Dialects))
}

func (r *readingFlags) parse(c *cobra.Command) error {
	if r.format != "" && !slices.Contains(interpolate.Formats, interpolate.Format(r.format)) {
		return usage(c, "--file-format is one of %s", words(interpolate.Formats))
	}
	if r.dialect != "" && !slices.Contains(interpolate.Dialects, interpolate.Dialect(r.dialect)) {
		return usage(c, "--dialect is one of %s", words(interpolate.Dialects))
	}
	return nil
}

// file is a file that is read so.
func (r *readingFlags) file(name string, data []byte) interpolate.File {
	return interpolate.File{Name: name, Data: data, Format: interpolate.Format(r.format), Dialect: interpolate.Dialect(r.dialect)}
}

func (r *readingFlags) reader(s review.Scanner) review.Reader {
	return review.Reader{Format: interpolate.Format(r.format), Dialect: interpolate.Dialect(r.dialect), Scanner: s}
}

// fileFormats is the part of a help text about what files are.
const fileFormats = `A file is what its name says: .json, .toml, .properties, .env and .txt (plain text); any other is YAML. What is not
that yet, since others fill it in later (Helm, Jinja), is read as a template: only values that mean the same in every
kind of quotes are filled in there, and of any other it is told why not.

`

func words[S ~string](list []S) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return strings.Join(out, ", ")
}
