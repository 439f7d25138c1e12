// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// The manual pages are written here and not by cobra/doc: the library below cobra/doc compiles regular expressions when
// the program starts, which took 0.6 ms and 214 kB of every command.

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: wrap("Writes a manual page for each command into a folder, which it creates if it does not exist. The pages " +
			"have the texts of the help."),
		Example: "  pouncet man ~/.local/share/man/man1",
		Args:    arguments(1, 1, "one folder"),
		RunE: func(c *cobra.Command, args []string) error {
			pages := manPages(c.Root())
			err := os.MkdirAll(args[0], 0o755)
			for name, text := range pages {
				if err == nil {
					err = durable.Replace(filepath.Join(args[0], name), []byte(text), 0o644)
				}
			}
			if err != nil {
				return backend.Errorf(backend.CodeUnavailable, "writing the manual pages: %w", err)
			}
			if a.json {
				a.printJSON(map[string]any{"folder": args[0], "pages": len(pages)})
				return nil
			}
			a.println("wrote " + backend.Plural(len(pages), "manual page") + " into " + args[0])
			return nil
		},
	}
}

// manPages returns the manual pages of a command and of those below it, by the names of their files.
func manPages(c *cobra.Command) map[string]string {
	c.InitDefaultHelpFlag()
	pages := map[string]string{manName(c) + ".1": manPage(c)}
	for _, sub := range c.Commands() {
		if sub.Hidden {
			continue
		}
		for name, text := range manPages(sub) {
			pages[name] = text
		}
	}
	return pages
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage returns the page of a command in the language of the macro package man (groff_man(7)).
func manPage(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q 1 \"\" %q Pouncet\n", strings.ToUpper(manName(c)), "pouncet "+version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", manText(manName(c)), manText(c.Short))
	if c.Runnable() {
		manSection(&b, "SYNOPSIS", c.UseLine())
	}
	manSection(&b, "DESCRIPTION", c.Long)
	manSection(&b, "OPTIONS", alignFlags(c.NonInheritedFlags().FlagUsages()))
	manSection(&b, "GLOBAL OPTIONS", alignFlags(c.InheritedFlags().FlagUsages()))
	manSection(&b, "EXAMPLES", c.Example)
	var also []string
	if c.HasParent() {
		also = append(also, manName(c.Parent())+"(1)")
	}
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			also = append(also, manName(sub)+"(1)")
		}
	}
	manSection(&b, "SEE ALSO", strings.Join(also, "\n"))
	return b.String()
}

// manSection adds a section with a text whose lines stay as they are.
func manSection(b *strings.Builder, title, text string) {
	if text = strings.Trim(text, "\n"); text != "" {
		fmt.Fprintf(b, ".SH %s\n.nf\n%s\n.fi\n", title, manText(text))
	}
}

// manText escapes a text: a backslash, a hyphen that must stay one, and what would be a request at the start of a line.
func manText(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
