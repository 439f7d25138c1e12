// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/cmd/projectfiles"
)

// How a project is kept in the files of a folder: see package projectfiles.

// projectFolder is a folder with the files of a project, compared with the backend.
type projectFolder struct {
	path    string
	folder  *os.Root // nil if it does not exist yet
	tree    *projectfiles.Tree
	lock    *projectfiles.Lock
	backend projectfiles.Backend
	items   []projectfiles.Item
}

// filesHelp is the part of the help that pull, diff and push share.
const filesHelp = `  project.yaml               the project: description, labels, policy, types
  environments/NAME.yaml     an environment: its secrets and scoped values
  environments/@shared.yaml  the entries that all environments share
  pouncet.lock               ids, revisions and digests; commit it with the files

No file ever has the value of a secret. What Terraform or another tool manages
is left alone.`

func (a *app) pullCommand() *cobra.Command {
	var overwrite, dryRun bool
	c := &cobra.Command{
		Use:   "pull DIR",
		Short: "Write the configuration of a project to files",
		Long: wrap("Writes the policy, the types, the scoped values and the metadata of the secrets of a project to the "+
			"files of a folder, and brings later changes of the backend into them. Comments and the order of existing "+
			"files stay. What changed in the files only stays as it is. If something changed in both, "+
			"nothing is written.") + "\n\n" +
			filesHelp,
		Example: "  pouncet pull deploy/secrets\n  pouncet pull deploy/secrets --project shop\n" +
			"  pouncet pull deploy/secrets --overwrite   # the backend wins",
		Args: arguments(1, 1, "one folder"),
	}
	c.Flags().BoolVar(&overwrite, "overwrite", false, "take the state of the backend also where the files have changed, "+
		"and list the changes that this discards")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be written, and write nothing")
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		p, err := a.openProjectFolder(ctx, s, args[0], true)
		if err != nil {
			return err
		}
		defer p.close()
		if !overwrite {
			if err := cmp.Or(projectfiles.CheckRenames(p.items, p.tree, p.lock), p.conflicts()); err != nil {
				return err
			}
		}
		return a.pull(p, overwrite, dryRun)
	})
	return c
}

func (a *app) diffCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "diff DIR",
		Short: "Compare the files of a project with the backend",
		Long: wrap("Says what \"pouncet push\" would change in the backend, what changed in the backend since the last "+
			"pull or push, and what changed in both. The exit code is 0 if the files and the backend agree, "+
			"and 5 otherwise.") + "\n\n" +
			filesHelp,
		Example: "  pouncet diff deploy/secrets\n  pouncet diff deploy/secrets --json",
		Args:    arguments(1, 1, "one folder"),
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		p, err := a.openProjectFolder(ctx, s, args[0], false)
		if err != nil {
			return err
		}
		defer p.close()
		n := p.differences()
		if a.json {
			a.printJSON(map[string]any{"project": p.tree.Project, "same": n == 0, "entries": a.itemsJSON(p.items)})
		} else {
			a.printItems(p.items, false)
			if n == 0 {
				a.println("The files and the backend agree.")
			}
		}
		if n == 0 {
			return nil
		}
		return differsError{backend.Errorf(backend.CodeConflict, "the files and the backend differ in %s",
			backend.Plural(n, "object"))}
	})
	return c
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema NAME",
		Short: "Print the JSON Schema of a file of pull and push",
		Long: wrap("Prints the JSON Schema (draft 2020-12) of project.yaml or of the files in environments, for editors " +
			"and other programs. It needs no backend."),
		Example:   "  pouncet schema project\n  pouncet schema environment > environment.schema.json",
		ValidArgs: projectfiles.SchemaNames,
		Args:      arguments(1, 1, "one name"),
		RunE: func(c *cobra.Command, args []string) error {
			text, ok := projectfiles.Schema(args[0])
			if !ok {
				return usage(c, "NAME must be %s", strings.Join(projectfiles.SchemaNames, " or "))
			}
			a.printText(strings.TrimSuffix(string(text), "\n"))
			return nil
		},
	}
}

// openProjectFolder reads the files of a folder and compares them with the backend. For a pull, the folder need not
// exist.
func (a *app) openProjectFolder(
	ctx context.Context, s backend.Service, path string, mayBeNew bool,
) (p *projectFolder, err error) {
	p = &projectFolder{path: path, tree: projectfiles.NewTree()}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	p.folder, err = os.OpenRoot(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && mayBeNew:
	case errors.Is(err, fs.ErrNotExist):
		return p, projectfiles.FileError(backend.CodeInvalid, "opening folder", path, err).
			WithHint("create the files first: pouncet pull %s", path)
	case err != nil:
		return p, projectfiles.FileError(backend.CodeInvalid, "opening folder", path, err)
	default:
		if p.tree, err = projectfiles.Read(p.folder); err == nil {
			p.lock, err = projectfiles.ReadLock(p.folder)
		}
		if err != nil {
			return p, err
		}
	}
	if !p.tree.Exists() && !mayBeNew {
		return p, backend.Errorf(backend.CodeInvalid, "%s does not exist",
			filepath.Join(path, projectfiles.ProjectFile)).WithHint("create the files first: pouncet pull %s", path)
	}
	stop := a.working("reading the project")
	err = a.fetchProject(ctx, s, p)
	if stop(); err != nil {
		return p, err
	}
	p.items = projectfiles.Compare(p.tree, p.lock, p.backend)
	if !mayBeNew {
		err = projectfiles.CheckRenames(p.items, p.tree, p.lock)
	}
	return p, err
}

// fetchProject reads the project of the files: the one with the id of the lock, or with the name in project.yaml.
func (a *app) fetchProject(ctx context.Context, s backend.Service, p *projectFolder) error {
	name := a.projectName()
	setting, origin := a.setting(settingProject)
	var candidates []string
	if p.lock != nil {
		candidates = append(candidates, p.lock.Project)
	}
	if p.tree.Exists() {
		name = p.tree.Project
		candidates = append(candidates, name)
		if was := p.tree.Objects[projectfiles.Key{Kind: backend.KindProject, Name: name}].Was; was != "" {
			candidates = append(candidates, was)
		}
	} else {
		candidates = append(candidates, name)
	}
	for _, c := range candidates {
		found, err := projectfiles.Fetch(ctx, s, c)
		if err != nil {
			return err
		}
		if p.backend = found; found.Project != nil {
			break
		}
	}
	project := p.backend.Project
	if p.tree.Exists() && setting != "" && setting != name && (project == nil || setting != project.ID) {
		return &usageError{backend.Errorf(backend.CodeInvalid, "%s names project %s, and the files are those of project %s",
			origin, backend.Quote(setting), backend.Quote(name)).WithHint("choose another folder, or remove %s", origin)}
	}
	if err := projectfiles.CheckLock(p.lock, p.tree, p.backend); err != nil {
		return err
	}
	if project == nil && !p.tree.Exists() {
		return backend.Errorf(backend.CodeNotFound, "project %s does not exist", backend.Quote(name)).
			WithHint("list the projects: pouncet project list")
	}
	return nil
}

func (p *projectFolder) close() {
	if p != nil && p.folder != nil {
		_ = p.folder.Close()
	}
}

// differences counts the items that are not the same. What another tool manages is not counted.
func (p *projectFolder) differences() int {
	n := 0
	for _, i := range p.items {
		if i.State != projectfiles.Same && i.State != projectfiles.ManagedElsewhere {
			n++
		}
	}
	return n
}

// conflicts returns an error that lists what changed in the files and in the backend.
func (p *projectFolder) conflicts() error {
	var lines []string
	for _, i := range p.items {
		if i.State == projectfiles.Conflict {
			lines = append(lines, i.Label()+": "+i.Reason)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	n := len(lines)
	if n > maxListed {
		lines = append(lines[:maxListed], fmt.Sprintf("and %d more", n-maxListed))
	}
	return backend.Errorf(backend.CodeConflict, "%s changed in the files and in the backend:\n  %s",
		backend.Plural(n, "object"), strings.Join(lines, "\n  ")).
		WithHint("take the state of the backend: pouncet pull %s --overwrite; then make your changes again", p.path)
}

const maxListed = 20

// pull writes the changes of the backend to the files, and then the lock.
func (a *app) pull(p *projectFolder, overwrite, dryRun bool) error {
	project := p.backend.Project
	if project == nil {
		return backend.Errorf(backend.CodeNotFound, "project %s does not exist in the backend",
			backend.Quote(p.tree.Project)).
			WithHint("create it: pouncet push %s", p.path)
	}
	lock := projectfiles.NextLock(p.items, p.backend, nil, projectfiles.IsTakenByPull(overwrite))
	out, err := p.tree.Pull(p.items, project.Name, overwrite)
	if err != nil {
		return err
	}
	if !dryRun {
		if err := p.write(out, lock); err != nil {
			return err
		}
	}
	names := slices.Sorted(maps.Keys(out.Files))
	slices.Sort(out.Removed)
	managed := 0
	for _, i := range p.items {
		if i.Object != nil && i.Object.ManagedBy != "" && i.File == nil {
			managed++
		}
	}
	discarded := p.discarded(overwrite)
	if a.json {
		a.printJSON(map[string]any{"project": project.Name, "written": append([]string{}, names...),
			"removed": append([]string{}, out.Removed...), "discarded": a.itemsJSON(discarded),
			"managed": managed, "dry_run": dryRun})
		return nil
	}
	wrote, removed := "wrote ", "removed "
	if dryRun {
		wrote, removed = "would write ", "would remove "
	}
	a.printDiscarded(discarded, dryRun)
	for _, name := range names {
		a.println(wrote + filepath.Join(p.path, filepath.FromSlash(name)))
	}
	for _, name := range out.Removed {
		a.println(removed + filepath.Join(p.path, filepath.FromSlash(name)))
	}
	if len(names)+len(out.Removed) == 0 {
		a.println("No changes to pull.")
	}
	if managed > 0 {
		a.notef("pouncet: %s left out, because Terraform or another tool manages it", backend.Plural(managed, "object"))
	}
	return nil
}

// write writes the files of a pull, and then the lock.
func (p *projectFolder) write(out projectfiles.Output, lock projectfiles.Lock) (err error) {
	if p.folder == nil {
		if err = os.MkdirAll(p.path, 0o755); err == nil {
			p.folder, err = os.OpenRoot(p.path)
		}
		if err != nil {
			return projectfiles.FileError(backend.CodeUnavailable, "creating folder", p.path, err)
		}
	}
	if err := out.Write(p.folder); err != nil {
		return err
	}
	return lock.Write(p.folder)
}

// discarded returns the changes of the files that a pull discards.
func (p *projectFolder) discarded(overwrite bool) []projectfiles.Item {
	return slices.DeleteFunc(slices.Clone(p.items), func(i projectfiles.Item) bool {
		return !overwrite || !i.IsDiscardedByPull()
	})
}

// printDiscarded lists the changes of the files that a pull discards.
func (a *app) printDiscarded(items []projectfiles.Item, dryRun bool) {
	discarded := "discarded "
	if dryRun {
		discarded = "would discard "
	}
	for _, i := range items {
		what := "the change of "
		if i.File == nil {
			what = "the removal of "
		}
		line := discarded + what + i.Label()
		if len(i.Attributes) > 0 {
			line += " (" + i.AttributesText() + ")"
		}
		a.println(line)
	}
}

// itemJSON is the JSON form of an item.
type itemJSON struct {
	Kind        backend.Kind       `json:"kind"`
	Name        string             `json:"name"`
	Environment string             `json:"environment,omitempty"`
	Scope       string             `json:"scope,omitempty"`
	ID          string             `json:"id,omitempty"`
	State       projectfiles.State `json:"state"`
	Attributes  []string           `json:"attributes"`
	Reason      string             `json:"reason,omitempty"`
	Command     string             `json:"command,omitempty"`
}

// itemsJSON returns the items that are not the same.
func (a *app) itemsJSON(items []projectfiles.Item) []itemJSON {
	out := []itemJSON{}
	for _, i := range items {
		if i.State == projectfiles.Same {
			continue
		}
		x := itemJSON{Kind: i.Key.Kind, Name: i.Key.Name, Environment: i.Key.Environment, Scope: i.Key.Scope, State: i.State,
			Attributes: append([]string{}, i.Attributes...), Reason: i.Reason, Command: a.commandForValue(i)}
		if i.Object != nil {
			x.ID = i.Object.ID
		}
		out = append(out, x)
	}
	return out
}

// commandForValue returns the command that gives a new secret its value, "" for other items.
func (a *app) commandForValue(i projectfiles.Item) string {
	if i.State != projectfiles.NeedsValue || i.Key.Kind != backend.KindSecret || i.File == nil {
		return ""
	}
	d := i.File
	return a.fillCommand(backend.Object{Kind: i.Key.Kind, Name: i.Key.Name, Scope: i.Key.Scope, Type: d.Type,
		Attributes: backend.Attributes{Description: d.Description, Labels: d.Labels, Protected: d.Protected,
			Visibility: d.Visibility, RotationDays: d.RotationDays}}, i.Key.Environment)
}

// printItems prints a line for each item that is not the same.
func (a *app) printItems(items []projectfiles.Item, prune bool) {
	for _, i := range items {
		line := ""
		switch i.State {
		case projectfiles.Same:
			continue
		case projectfiles.Removed:
			line = "only in the backend: " + i.Label() + "; --prune deletes it"
			if prune {
				line = "delete: " + i.Label()
			}
		case projectfiles.BackendChanged, projectfiles.BackendCreated, projectfiles.BackendRemoved:
			line = string(i.State) + ": " + i.Label()
			if len(i.Attributes) > 0 {
				line += " (" + i.AttributesText() + ")"
			}
			line += "; a pull brings it into the files"
		default:
			line = string(i.State) + ": " + i.Label()
			if len(i.Attributes) > 0 {
				line += " (" + i.AttributesText() + ")"
			}
			if i.Reason != "" {
				line += "; " + i.Reason
			}
			if command := a.commandForValue(i); command != "" {
				line += "; set it: " + command
			}
		}
		a.println(line)
	}
}

// locationOf returns where a backend is, for a question.
func locationOf(s backend.Service) string {
	if b, ok := s.(*open.Backend); ok {
		return b.Location
	}
	return "the backend"
}
