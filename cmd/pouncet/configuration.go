// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (a *app) configurationCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "configuration",
		Short: "Say which Terraform configuration owns which objects",
		Long: wrap("Lists the owners of objects, and hands the objects of one Terraform configuration to another. The " +
			"argument configuration of the provider is the name of a configuration. Every object that the provider creates " +
			"or changes carries it (managed_by)."),
		Example: "  pouncet configuration list\n  pouncet configuration adopt shop --from store",
		Args:    onlyCommands,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.configurationListCommand(), a.configurationAdoptCommand())
	return c
}

func (a *app) configurationListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the owners of objects",
		Long:    wrap("Lists every value of managed_by with the number of its objects, in the project or in all projects."),
		Example: "  pouncet configuration list\n  pouncet configuration list --project shop --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			objects, err := a.everyObject(ctx, s)
			if err != nil {
				return err
			}
			counts := map[string]int{}
			for _, o := range objects {
				counts[o.ManagedBy]++
			}
			type owner struct {
				ManagedBy string `json:"managed_by"`
				Objects   int    `json:"objects"`
			}
			owners := []owner{}
			for _, name := range slices.Sorted(maps.Keys(counts)) {
				owners = append(owners, owner{name, counts[name]})
			}
			if a.json {
				a.printJSON(map[string]any{"owners": owners})
				return nil
			}
			for _, o := range owners {
				name := o.ManagedBy
				if name == "" {
					name = "(nothing)"
				}
				a.println(name + ": " + backend.Plural(o.Objects, "object"))
			}
			return nil
		}),
	}
}

func (a *app) configurationAdoptCommand() *cobra.Command {
	var from string
	var unnamed bool
	c := &cobra.Command{
		Use:   "adopt NAME (--from OLD | --unnamed)",
		Short: "Hand the objects of one configuration to another",
		Long: wrap("Changes managed_by of all objects of the configuration OLD, so that they belong to the configuration "+
			"NAME. Run it after you rename a configuration, or split or merge configurations whose states you moved. "+
			"Nothing else changes. A saved plan of these objects must be made again.") + "\n\n" +
			wrap("--unnamed adopts what the provider made without a name. Import what no configuration has made: the next "+
				"apply takes it over."),
		Example: "  pouncet configuration adopt shop --from store\n" +
			"  pouncet configuration adopt shop-prod --unnamed --project shop",
		Args: arguments(1, 1, "the new name of the configuration"),
	}
	c.Flags().StringVar(&from, "from", "", "the `name` of the configuration that has the objects")
	c.Flags().BoolVar(&unnamed, "unnamed", false, "adopt the objects of configurations without a name")
	c.RunE = func(c *cobra.Command, args []string) error {
		if valid, _ := regexp.MatchString(backend.ConfigurationPattern, args[0]); !valid {
			return usage(c, "the name of a configuration has 1 to 50 letters, digits, _ and -")
		}
		switch given := c.Flags().Changed("from"); {
		case given && unnamed:
			return exclusive(c, "--from and --unnamed")
		case !given && !unnamed:
			return usage(c, "--from or --unnamed is required")
		}
		oldOwner, newOwner := backend.ManagedByTerraform, backend.ManagedByTerraform+":"+args[0]
		if !unnamed {
			oldOwner += ":" + from
		}
		if oldOwner == newOwner {
			return usage(c, "the objects already belong to %s", backend.Quote(newOwner))
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.adopt(ctx, s, oldOwner, newOwner)
		})(c, args)
	}
	return c
}

// adopt makes newOwner the owner of all objects of oldOwner.
func (a *app) adopt(ctx context.Context, s backend.Service, oldOwner, newOwner string) error {
	objects, err := a.everyObject(ctx, s)
	if err != nil {
		return err
	}
	var changes []backend.Change
	owners := map[string]bool{}
	for _, o := range objects {
		owners[o.ManagedBy] = true
		if o.ManagedBy == oldOwner {
			changes = append(changes, backend.Change{
				Op: backend.OpUpdate, Kind: o.Kind, ID: o.ID, Project: o.Project, ManagedBy: &newOwner, Edition: &o.Edition,
			})
		}
	}
	if len(changes) == 0 {
		return backend.Errorf(backend.CodeNotFound, "no object belongs to %s", backend.Quote(oldOwner)).
			WithHint("list the owners: pouncet configuration list")
	}
	for batch := range slices.Chunk(changes, backend.MaxChanges) {
		stop := a.working("writing")
		outcomes, err := s.Apply(ctx, backend.ChangeSet{Changes: batch})
		stop()
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			if o.Err != nil {
				return o.Err
			}
		}
	}
	if a.json {
		a.printJSON(map[string]any{"managed_by": newOwner, "adopted": len(changes)})
		return nil
	}
	a.println(backend.Plural(len(changes), "object") + " of " + backend.Quote(oldOwner) + " now belong to " +
		backend.Quote(newOwner) + ".")
	return nil
}

// everyObject returns all objects that can have an owner, of the project that --project names or of all projects and of
// none.
func (a *app) everyObject(ctx context.Context, s backend.Service) ([]backend.Object, error) {
	objects, err := a.allProjects(ctx, s, false)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Clone(objects) {
		rows, err := contents(ctx, s, p, false)
		if err != nil {
			return nil, err
		}
		objects = append(objects, rows...)
	}
	rights, err := a.rights(ctx, s, false)
	if err != nil {
		return nil, err
	}
	objects = append(objects, rights...)
	return slices.DeleteFunc(objects, func(o backend.Object) bool { return o.BuiltIn }), nil
}
