// SPDX-License-Identifier: MPL-2.0

// Package scan reads the references in files: their positions and what they name. It has no backend and no values, and
// it writes nothing, so that a program that imports this package instead of interpolate cannot fill in a file.
//
// Package interpolate declares and describes the types.
package scan

import "github.com/pouncet/terraform-provider-pouncet/interpolate"

// A File is a text with a name. A Document holds its references.
type (
	File      = interpolate.File
	Document  = interpolate.Document
	Reference = interpolate.Reference
	Position  = interpolate.Position
	Problem   = interpolate.Problem
	Problems  = interpolate.Problems
	Format    = interpolate.Format
	Dialect   = interpolate.Dialect
	Nested    = interpolate.Nested
)

// Read reads the references of one file. Its error is Problems, and lists every problem of the file.
func Read(f File) (*Document, error) { return interpolate.Scan(f) }

// IsConfigurationFile reports whether a file below a folder is read, by its name.
func IsConfigurationFile(name string) bool { return interpolate.IsConfigurationFile(name) }
