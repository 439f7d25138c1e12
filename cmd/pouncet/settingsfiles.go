// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	settingsfile "github.com/pouncet/terraform-provider-pouncet/cmd/settings"
)

// withoutFiles are the commands that take no setting from a profile or a settings file of a repository, with the
// commands below them. So they also work if such a file is not valid. login reads the profile itself.
var withoutFiles = []string{"init", "server", "move", "login", "profile", "version", "help", "man", "schema",
	"completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}

// configOff as the value of POUNCET_CONFIG means that no settings file of a repository is read.
const configOff = "off"

// trustConfig says how to trust a settings file that another user can change.
const trustConfig = "name it: POUNCET_CONFIG=PATH"

// keyOfSetting is the key that a setting has in files.
var keyOfSetting = map[string]string{
	settingEndpoint: settingsfile.Endpoint, settingProject: settingsfile.Project, settingEnv: settingsfile.Environment,
	settingCACert: settingsfile.CACertFile, settingCert: settingsfile.ClientCertFile,
	settingCertKey: settingsfile.ClientKeyFile,
}

// fileSource is a source of settings from a file.
func fileSource(values settingsfile.Values, origin string) settingSource {
	return settingSource{
		isFile: true,
		lookup: func(variable string) string { return values[keyOfSetting[variable]] },
		origin: func(string) string { return origin },
	}
}

// readSettingsFiles reads the profile and the settings file of the repository, unless the command needs neither.
func (a *app) readSettingsFiles(c *cobra.Command) error {
	for c.HasParent() && c.Parent().HasParent() {
		c = c.Parent()
	}
	if !c.HasParent() || slices.Contains(withoutFiles, c.Name()) {
		return nil
	}
	return a.addSettingsFiles()
}

func (a *app) addSettingsFiles() error {
	if err := a.addProfile(); err != nil {
		return err
	}
	r, err := repositorySettings()
	if err == nil && r.Path != "" {
		a.files = append(a.files, fileSource(r.Values, r.Path))
	}
	return err
}

// addProfile adds the profile that a flag or a variable names, if one does.
func (a *app) addProfile() error {
	name, origin := a.setting(settingProfile)
	if name == "" {
		return nil
	}
	profiles, err := settingsfile.OpenProfiles()
	if err != nil {
		return err
	}
	values, err := profiles.Get(name)
	if err != nil {
		e := *backend.AsError(err)
		e.Message = origin + ": " + e.Message
		return &e
	}
	a.files = append(a.files, fileSource(values, "profile "+backend.Quote(name)))
	return nil
}

func repositorySettings() (settingsfile.Repository, error) {
	switch path := os.Getenv(settingConfig); path {
	case configOff:
		return settingsfile.Repository{}, nil
	case "":
	default:
		return settingsfile.ReadRepository(path)
	}
	folder, err := os.Getwd()
	if err != nil {
		return settingsfile.Repository{}, nil // it was removed; commands that need it report it
	}
	return settingsfile.FindRepository(folder, trustConfig)
}
