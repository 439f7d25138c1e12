// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// The settings, by the name of their environment variable. Every source of
// settings uses these names.
const (
	settingEndpoint = "POUNCET_ENDPOINT"
	settingToken    = "POUNCET_TOKEN"
	settingCACert   = "POUNCET_CACERT"
	settingCert     = "POUNCET_CLIENT_CERT"
	settingCertKey  = "POUNCET_CLIENT_KEY"
	settingHome     = "POUNCET_HOME"
	settingKMSKey   = "POUNCET_KMS_KEY"
	settingDatabase = "POUNCET_DATABASE"
	settingReplica  = "POUNCET_DATABASE_REPLICA"
	settingProject  = "POUNCET_PROJECT"
	settingEnv      = "POUNCET_ENV"
)

// settings is the table of all settings, for the help. A test compares
// docs/settings.md with it.
var settings = []struct{ variable, flag, meaning string }{
	{settingEndpoint, "--endpoint", "URL of a server"},
	{settingToken, "--token-file", "token for the server; the flag names a file"},
	{settingCACert, "", "file with the server's certificate authority"},
	{settingCert, "", "file with a certificate, if a server wants one"},
	{settingCertKey, "", "file with the private key of it"},
	{settingHome, "", "folder of the embedded backend"},
	{settingDatabase, "--database", "PostgreSQL database of a server"},
	{settingReplica, "--database-replica", "replica of it, for reads"},
	{settingKMSKey, "--kms-key", "KMS key of the embedded backend or a server"},
	{settingProject, "--project", `project (default "default")`},
	{settingEnv, "--env", `environment, "*" for every environment`},
}

// settingsTable returns the settings as lines of a help text.
func settingsTable() string {
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, "  %-19s %-13s %s\n", s.variable, cmp.Or(s.flag, "-"), s.meaning)
	}
	return b.String()
}

// settingSource is one place that settings come from.
type settingSource struct {
	lookup func(variable string) string // "" if the source does not have the setting
	origin func(variable string) string // what the user wrote there, for messages
}

// settingSources returns the sources in their order: the first that has a
// setting wins. The whole order is flag, environment variable, profile,
// repository file, and last the .pouncet folder that package open finds
// upwards from the working folder. Profiles and repository files do not exist
// yet; each is one more line here. A repository file may name no endpoint and
// no token: who can change the repository would choose which server gets the
// token. A profile has the token for its own endpoint only.
func (a *app) settingSources() []settingSource {
	return []settingSource{
		{a.flagSetting, flagOfSetting},
		{os.Getenv, func(variable string) string { return variable }},
	}
}

// flagSetting returns the setting that a flag gives. The token is not among
// them: connect reads its file.
func (a *app) flagSetting(variable string) string {
	switch variable {
	case settingEndpoint:
		return a.endpoint
	case settingKMSKey:
		return a.kmsKey
	case settingDatabase:
		return a.database
	case settingReplica:
		return a.replica
	case settingProject:
		return a.project
	case settingEnv:
		return a.env
	}
	return ""
}

func flagOfSetting(variable string) string {
	for _, s := range settings {
		if s.variable == variable {
			return s.flag
		}
	}
	return ""
}

// setting returns a setting and where it comes from, such as "--project" or
// "POUNCET_PROJECT". Both are "" if no source has it.
func (a *app) setting(variable string) (value, origin string) {
	for _, s := range a.settingSources() {
		if value := s.lookup(variable); value != "" {
			return value, s.origin(variable)
		}
	}
	return "", ""
}

// projectName returns the project of an object that is given by its name. An
// id needs no project: settings do not say where an object with an id is.
func (a *app) projectName() string {
	value, _ := a.setting(settingProject)
	return cmp.Or(value, backend.DefaultProject)
}

// environmentName returns the environment of an object that is given by its
// name, "" if no source names one.
func (a *app) environmentName() string {
	value, _ := a.setting(settingEnv)
	return value
}

// openConfig returns which backend the settings name. The first
// source that names an endpoint or a folder decides, and later sources are ignored.
func (a *app) openConfig(ctx context.Context) (open.Config, error) {
	c := open.Config{UserAgent: "pouncet/" + version}
	if a.tokenFile != "" {
		// The file can be a pipe, into which nobody may ever write.
		text, err := interruptible(ctx, func() ([]byte, error) { return os.ReadFile(a.tokenFile) })
		switch {
		case ctx.Err() != nil:
			return c, ctx.Err()
		case err != nil:
			return c, backend.Errorf(backend.CodeInvalid, "reading the token: %w", err)
		}
		c.Token = strings.TrimSpace(string(text))
	}
	for _, s := range a.settingSources() {
		c = open.From(c, s.lookup)
	}
	return c, nil
}

// checkServerSettings refuses the token or the certificate authority of a server without its endpoint: the command
// would work on an embedded backend instead, with all rights. A variable is ignored if another one names the folder.
func (a *app) checkServerSettings(c open.Config) error {
	if c.Endpoint != "" {
		return nil
	}
	origin := ""
	if a.tokenFile != "" {
		origin = flagOfSetting(settingToken)
	} else if c.Path == "" {
		variables := []string{settingToken, settingCACert, settingCert, settingCertKey}
		if i := slices.IndexFunc(variables, func(name string) bool { return os.Getenv(name) != "" }); i >= 0 {
			origin = variables[i]
		}
	}
	if origin == "" {
		return nil
	}
	return &usageError{backend.Errorf(backend.CodeInvalid, "%s belongs to a server, but no endpoint is set", origin).
		WithHint("set --endpoint or %s; for an embedded backend, remove %s", settingEndpoint, origin)}
}

// embeddedConfig is openConfig for a command that works on an embedded backend
// only. It rejects the endpoint of a server; purpose says what the command does.
func (a *app) embeddedConfig(ctx context.Context, purpose string) (open.Config, error) {
	c, err := a.openConfig(ctx)
	if err == nil && c.Endpoint != "" {
		_, origin := a.setting(settingEndpoint)
		err = &usageError{backend.Errorf(backend.CodeInvalid, "%s, but %s names a server", purpose, origin).
			WithHint("remove %s", origin)}
	}
	return c, err
}
