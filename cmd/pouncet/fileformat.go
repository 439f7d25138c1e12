// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/review"
	"github.com/pouncet/terraform-provider-pouncet/review/fileset"
)

// formatFlags are the flags that say which files are read and how they are parsed.
type formatFlags struct {
	format, dialect, nested string
	rules                   fileset.Rules
}

func (f *formatFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "file-format", "",
		"the `format` of all files, regardless of their names: "+joinWords(interpolate.Formats))
	c.Flags().StringVar(&f.dialect, "dialect", "",
		"accept the reference `syntax` of another tool too: "+joinWords(interpolate.Dialects))
	c.Flags().StringVar(&f.nested, "nested", nestedAuto,
		"auto, or off to read a file in a YAML value as text, as version 0.1 does; off will be removed")
	c.Flags().StringArrayVar(&f.rules.Exclude, "exclude", nil,
		"do not read files that match this `glob`, such as 'charts/**'; repeat for more globs")
	c.Flags().BoolVar(&f.rules.Ignored, "no-gitignore", false, "below a folder, also read files that git ignores")
}

// nestedAuto is the value of --nested that stands for interpolate.NestedAuto.
const nestedAuto = "auto"

func (f *formatFlags) nestedMode() interpolate.Nested {
	if f.nested == nestedAuto {
		return interpolate.NestedAuto
	}
	return interpolate.Nested(f.nested)
}

func (f *formatFlags) check(c *cobra.Command) error {
	if f.format != "" && !slices.Contains(interpolate.Formats, interpolate.Format(f.format)) {
		return usage(c, "--file-format must be one of %s", joinWords(interpolate.Formats))
	}
	if f.dialect != "" && !slices.Contains(interpolate.Dialects, interpolate.Dialect(f.dialect)) {
		return usage(c, "--dialect must be one of %s", joinWords(interpolate.Dialects))
	}
	if mode := f.nestedMode(); mode != interpolate.NestedAuto && mode != interpolate.NestedOff {
		return usage(c, "--nested must be auto or off")
	}
	for _, pattern := range f.rules.Exclude {
		if !fileset.ValidPattern(pattern) {
			return usage(c, "--exclude %s is not a valid glob", backend.Quote(pattern)).withHint("write --exclude 'charts/**'")
		}
	}
	return nil
}

// file returns a file in the format and dialect of the flags.
func (f *formatFlags) file(name string, data []byte) interpolate.File {
	return interpolate.File{
		Name: name, Data: data, Format: interpolate.Format(f.format), Dialect: interpolate.Dialect(f.dialect),
		Nested: f.nestedMode(),
	}
}

func (f *formatFlags) reader(s review.Scanner) review.Reader {
	return review.Reader{Format: interpolate.Format(f.format), Dialect: interpolate.Dialect(f.dialect),
		Nested: f.nestedMode(), Rules: f.rules, Scanner: s}
}

// findingReader returns a reader that reads Terraform files as well, unless all
// files have one format.
func (f *formatFlags) findingReader(s review.Scanner) review.Reader {
	r := f.reader(s)
	r.Terraform = f.format == ""
	return r
}

// fileFormatHelp is the part of a help text about the formats of files.
const fileFormatHelp = `The name of a file says its format: .yaml, .json, .jsonc, .toml, .ini, .xml, .hcl,
.tfvars, .properties, .env, or .txt for plain text. For a file with references
and another name, choose with --file-format. A file that another tool has still
to fill in (Helm, Jinja) is not valid in its format yet. Pouncet then treats it
as a template: it fills in a value that means the same with and without quotes,
and rejects any other value with the reason.

Below a folder, Pouncet reads all configuration files but those that git ignores
or that --exclude matches. It follows no links.`

func joinWords[S ~string](list []S) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return strings.Join(out, ", ")
}
