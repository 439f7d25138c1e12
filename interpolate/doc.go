// SPDX-License-Identifier: MPL-2.0

// Package interpolate replaces references to secrets in configuration files with their values. It changes no other
// byte.
//
// It reads YAML, JSON (also with comments), TOML, INI, XML, HCL, dotenv files, Java properties, plain text, and
// templates of other tools. Render fills files in. Scan lists the references of one file, and needs no backend.
//
// # The idea
//
// There are two simple ways to fill in a template, and both are wrong. If values are inserted before the file is
// parsed, a value can end a string, add a key, or turn into a comment or a number. If the file is parsed and written
// again, comments, quotes, the order of keys and anchors are lost. This package works in four steps instead:
//
//  1. Copy the file, replace every expression in the copy by a placeholder of the same length, and parse the copy. The
//     parsed tree shows which scalars hold references.
//  2. Resolve the references of all files in one call.
//  3. Replace those scalars in the bytes of the original file, and in the copy.
//  4. Parse the changed copy, and compare the two trees. If anything but the replaced values differs, Render returns an
//     error and no file.
//
// As a picture:
//
//	file ──> copy with placeholders ──> parse ──> scalars with references ──> one Resolve for all files
//	                                                                                    │
//	file ───────────────────────────────> replace the scalars <─────────────────────────┘
//	                                               │
//	                             parse again, compare, return the file
//
// # The parts
//
// Package expr is the language of the expressions. Package format says what a file format does: Scan is step 1, Write
// is step 3 and Compare is step 4. There is one package per format below it, and formats.go has the table of them. This
// package finds what stands between braces (region.go), decides which of it is a reference (references.go), resolves
// the references (resolve.go), and gives the values to the formats (fill.go). What holds for the values of every format
// is checked there, before a format writes them.
//
// # What counts as a reference
//
// An expression between "{{" and "}}" is a reference if it calls get_secret_value (or its alias mage_secret_var),
// get_value, env_var or json_value, or if it holds a pouncet:// URI. A scalar that consists of such a URI is a
// reference too. The grammar is at the top of expr/parse.go.
//
// Every other expression is foreign: it belongs to Helm, GitHub Actions, Jinja or another tool. Foreign expressions
// keep their bytes. A file without references is returned as it is, even if it is not valid in its format.
//
// # How values are written
//
// In YAML, a plain or quoted scalar becomes a double-quoted one, so that the values 0123, yes and null stay strings.
// Its anchor and tag stay. In a block scalar, a value of one line replaces its expression. A value that does not fit
// there turns the block scalar into a double-quoted one; a comment in the block's header stays.
//
// In JSON, TOML, XML, HCL and properties, a value replaces its expression, with the escapes of its string. A literal
// string in TOML becomes a basic string if the value needs escapes. The readers of dotenv files do not agree on
// escapes. There, a value is written in the first quoting style that all of them read alike, and a value without such
// a style is an error; package dotenv has the table. Plain text takes every value as it is. A template of another tool
// takes only values that mean the same in every quoting style.
//
// If an expression is a whole scalar, the filters int, float and bool write a number or a boolean, and a missing
// entry under MissingNull becomes null. TOML, dotenv files and properties have no null: there it is an error. Inside
// longer text, a number becomes its digits, and null becomes the word None, as in Mage's templates. The filter json
// writes JSON as text, never as a structure. No value can add a node to the tree, without exception.
//
// # Limits
//
// A file with references has at most MaxFileBytes. A YAML file with references nests at most MaxNesting mappings and
// sequences. A TOML file with references has at most toml.MaxKeys keys. Render reports at most MaxProblems problems per
// file. Within these limits, time and memory grow linearly with the length of the file. A YAML file takes about 5 bytes
// of memory per byte if it has one entry per line, and about 45 if it has to be parsed. YAML aliases are never
// followed.
//
// Files must be UTF-8. An expression ends at the first "}}", inside quotes or outside, and has at most expr.MaxBytes.
// Only in YAML can an expression span lines; if it stays in the file, it comes back on one line. Foreign control
// statements, such as {{- if … }}, are understood in YAML if they stand on their own lines. Comments of templates, and
// what a template takes as it is, are never filled in; findRegions lists the forms. If foreign expressions remain in a
// file, no value can begin one; foreign.go says why. A reference in a comment is not resolved. A reference in a key is
// an error. Braces that are written as an escape ("\x7b{") are text.
//
// The result is checked for its format and not for its meaning: Spring, for example, replaces ${…} in the values of
// properties, and no escape prevents that.
package interpolate
