// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// skippedFiles notes what the user may not expect of the selection of files: the files below folders that hold
// references and have a name of no configuration file, and the first folder of which git does not say what it ignores.
type skippedFiles struct {
	names          []string
	folder, reason string
}

// maxSkippedBytes is the size of the largest file that is searched. A larger one is hardly a configuration.
const maxSkippedBytes = 256 << 10

// proseExtensions are the extensions of files that show references to readers, and of programs that hold them in
// strings.
var proseExtensions = []string{
	".adoc", ".csv", ".htm", ".html", ".ipynb", ".log", ".md", ".mdx", ".rst",
	".go", ".java", ".js", ".php", ".py", ".rb", ".rs", ".tf", ".tofu", ".ts",
}

// add notes a file if it holds a reference.
func (s *skippedFiles) add(name string) {
	if interpolate.IsConfigurationFile(name) || slices.Contains(proseExtensions, strings.ToLower(filepath.Ext(name))) {
		return
	}
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSkippedBytes {
		return
	}
	if data, err := os.ReadFile(name); err == nil && interpolate.HoldsReference(data) {
		s.names = append(s.names, filepath.ToSlash(name))
	}
}

// addFolder notes a folder of which git does not say what it ignores.
func (s *skippedFiles) addFolder(folder, reason string) {
	if s.folder == "" {
		s.folder, s.reason = filepath.ToSlash(folder), reason
	}
}

// reportSkipped says once which files were not read although they hold references, and which ignore rules do not apply.
func (a *app) reportSkipped(s *skippedFiles) {
	const shown = 3
	if s.folder != "" {
		a.notef("pouncet: no file in %s is ignored, because git does not answer: %s", backend.Quote(s.folder), s.reason)
	}
	if len(s.names) == 0 {
		return
	}
	names := strings.Join(s.names[:min(shown, len(s.names))], ", ")
	if len(s.names) > shown {
		names += ", …"
	}
	a.notef("pouncet: skipped %s with references, because a folder stands for its configuration files only: %s; name "+
		"each file, with --file-format if its name belongs to no format", backend.Plural(len(s.names), "file"), names)
}
