// SPDX-License-Identifier: MPL-2.0

// Command changelog makes CHANGELOG.md from the entries in .changes/, whose
// README.md describes their form. With -check it writes nothing, and fails if
// the file is not current. With -notes it prints the notes of one release.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", "..", "the folder that holds .changes/ and CHANGELOG.md")
	check := flag.Bool("check", false, "fail if CHANGELOG.md is not current, and write nothing")
	notes := flag.String("notes", "", "print the notes of this `version`, and write nothing")
	flag.Parse()
	if err := run(*root, *check, *notes); err != nil {
		fmt.Fprintln(os.Stderr, "changelog:", err)
		os.Exit(1)
	}
}

func run(root string, check bool, notes string) error {
	releases, err := read(os.DirFS(filepath.Join(root, ".changes")))
	if err != nil {
		return err
	}
	if notes != "" {
		for _, r := range releases {
			if r.version == notes {
				_, err := os.Stdout.Write(r.render())
				return err
			}
		}
		return fmt.Errorf("no folder .changes/%s exists", notes)
	}
	path := filepath.Join(root, "CHANGELOG.md")
	current := render(releases)
	if check {
		have, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, current) {
			return fmt.Errorf("CHANGELOG.md is not current: run make changelog and commit the result")
		}
		return nil
	}
	return os.WriteFile(path, current, 0o644)
}
