// SPDX-License-Identifier: MPL-2.0

package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	settingsfile "github.com/pouncet/terraform-provider-pouncet/cmd/settings"
)

func (a *app) profileCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "profile",
		Short: "Manage profiles, which are named sets of settings",
		Long: wrap("A profile is a named set of settings: endpoint, project, environment and certificates. --profile or " +
			"POUNCET_PROFILE chooses one. Flags and environment variables have priority over it. A profile has no token: " +
			"its endpoint gets the token that \"pouncet login\" has stored for it."),
		Example: "  pouncet profile set work --endpoint https://pouncet.example.com --project shop\n" +
			"  pouncet env list --profile work",
		Args: onlyCommands,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.profileListCommand(), a.profileSetCommand(), a.profileRemoveCommand())
	return c
}

func (a *app) profileListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the profiles",
		Long:    "Lists the profiles with their settings.",
		Example: "  pouncet profile list\n  pouncet profile list --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			profiles, err := settingsfile.OpenProfiles()
			if err != nil {
				return err
			}
			type profile struct {
				Name     string              `json:"name"`
				Settings settingsfile.Values `json:"settings"`
			}
			list := []profile{}
			t := table{titles: []string{"PROFILE", "ENDPOINT", "PROJECT", "ENVIRONMENT"}}
			for _, name := range profiles.Names() {
				v, err := profiles.Get(name)
				if err != nil {
					return err
				}
				list = append(list, profile{name, v})
				t.add(name, v[settingsfile.Endpoint], v[settingsfile.Project], v[settingsfile.Environment])
			}
			if a.json {
				a.printJSON(map[string]any{"file": profiles.Path, "profiles": list})
				return nil
			}
			a.printTable(t)
			return nil
		},
	}
}

func (a *app) profileSetCommand() *cobra.Command {
	var caCert, cert, key string
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Create a profile, or change its settings",
		Long: wrap("Creates a profile, or changes the one with this name. Flags that you leave out change nothing, and an " +
			"empty one removes the setting."),
		Example: "  pouncet profile set work --endpoint https://pouncet.example.com --project shop --env dev\n" +
			"  pouncet profile set work --env ''",
		Args: arguments(1, 1, "one name"),
	}
	f := c.Flags()
	// These flags hide the global flags with the same names, whose values must not be empty.
	f.StringVar(&a.endpoint, "endpoint", "", "`URL` of a server")
	f.StringVar(&a.project, "project", "", "the `project`")
	f.StringVar(&a.env, "env", "", "the `environment`")
	f.StringVar(&caCert, "ca-cert-file", "", "`file` with certificate authorities to trust")
	f.StringVar(&cert, "client-cert-file", "", "`file` with a certificate of the client")
	f.StringVar(&key, "client-key-file", "", "`file` with the private key of that certificate")
	mayBeEmpty(c, "endpoint", "project", "env", "ca-cert-file", "client-cert-file", "client-key-file")
	c.RunE = func(c *cobra.Command, args []string) error {
		changes := settingsfile.Values{}
		for flag, s := range map[string]struct{ key, value string }{
			"endpoint": {settingsfile.Endpoint, a.endpoint}, "project": {settingsfile.Project, a.project},
			"env": {settingsfile.Environment, a.env}, "ca-cert-file": {settingsfile.CACertFile, caCert},
			"client-cert-file": {settingsfile.ClientCertFile, cert}, "client-key-file": {settingsfile.ClientKeyFile, key},
		} {
			if !c.Flags().Changed(flag) {
				continue
			}
			changes[s.key] = s.value
			if strings.HasSuffix(flag, "-file") && s.value != "" {
				path, err := filepath.Abs(s.value) // the profile is used in other folders too
				if err != nil {
					return backend.Errorf(backend.CodeInvalid, "finding %s: %w", s.value, err)
				}
				changes[s.key] = path
			}
		}
		if len(changes) == 0 {
			return usage(c, "a setting is required").withHint("set --endpoint, --project or --env, for example")
		}
		profiles, err := settingsfile.OpenProfiles()
		if err != nil {
			return err
		}
		if err := profiles.Set(args[0], changes); err != nil {
			return err
		}
		return a.profileSaved(profiles, "saved", args[0])
	}
	return c
}

func (a *app) profileRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Aliases: []string{"rm", "delete"},
		Short:   "Remove a profile",
		Long:    "Removes a profile. A token that was stored for its endpoint stays.",
		Example: "  pouncet profile remove work",
		Args:    arguments(1, 1, "one name"),
		RunE: func(_ *cobra.Command, args []string) error {
			profiles, err := settingsfile.OpenProfiles()
			if err != nil {
				return err
			}
			if err := profiles.Remove(args[0]); err != nil {
				return err
			}
			return a.profileSaved(profiles, "removed", args[0])
		},
	}
}

func (a *app) profileSaved(p *settingsfile.Profiles, done, name string) error {
	if a.json {
		a.printJSON(map[string]any{"file": p.Path, "name": name, "action": done})
		return nil
	}
	a.println(done + " profile " + name + " in " + p.Path)
	return nil
}
