// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/identity"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	settingsfile "github.com/pouncet/terraform-provider-pouncet/cmd/settings"
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
	settingProfile  = "POUNCET_PROFILE"
	settingConfig   = "POUNCET_CONFIG"
	settingTrust    = identity.VariableTrust
	settingIdentity = identity.VariableToken
	settingIDFile   = identity.VariableFile
	settingAudience = identity.VariableAudience
)

// settings is the table of all settings, for the help. A test compares
// docs/settings.md with it.
var settings = []struct{ variable, flag, meaning string }{
	{settingEndpoint, "--endpoint", "URL of a server"},
	{settingToken, "--token-file", "token for the server; the flag names a file"},
	{settingTrust, "--trust", "trust that an identity token is for"},
	{settingIdentity, "", "identity token to log in with"},
	{settingIDFile, "", "file with an identity token"},
	{settingAudience, "", "audience of a token of GitHub"},
	{variableClientSecret, "", "secret of --client-id"},
	{settingCACert, "", "file with the server's certificate authority"},
	{settingCert, "", "file with a certificate, if a server wants one"},
	{settingCertKey, "", "file with the private key of it"},
	{settingHome, "", "folder of the embedded backend"},
	{settingDatabase, "--database", "PostgreSQL database of a server"},
	{settingReplica, "--database-replica", "replica of it, for reads"},
	{settingKMSKey, "--kms-key", "KMS key of the embedded backend or a server"},
	{settingProject, "--project", `project (default "default")`},
	{settingEnv, "--env", `environment, "*" for every environment`},
	{settingProfile, "--profile", "profile that further settings come from"},
	{settingConfig, "", "settings file of the repository, or \"off\""},
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
	isFile bool
	lookup func(variable string) string // "" if the source does not have the setting
	origin func(variable string) string // what the user wrote there, for messages
}

// settingSources returns the sources in their order: the first that has a setting wins. The whole order is flag,
// environment variable, profile, repository file, and last the .pouncet folder that package open finds upwards from the
// working folder. The files have no token: see tokenFor.
func (a *app) settingSources() []settingSource {
	return append([]settingSource{
		{lookup: a.flagSetting, origin: flagOfSetting},
		{lookup: os.Getenv, origin: func(variable string) string { return variable }},
	}, a.files...)
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
	case settingProfile:
		return a.profile
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

// openConfig returns which backend the settings name, with the token for it. The first source that names an endpoint
// or a folder decides, and later sources are ignored.
func (a *app) openConfig(ctx context.Context) (open.Config, error) {
	return a.openConfigFrom(ctx, a.settingSources())
}

func (a *app) openConfigFrom(ctx context.Context, sources []settingSource) (open.Config, error) {
	c := open.Config{UserAgent: "pouncet/" + version}
	var from settingSource // of the endpoint
	for _, s := range sources {
		if c.Endpoint = s.lookup(settingEndpoint); c.Endpoint != "" {
			from = s
			break
		}
		if c.Path = s.lookup(settingHome); c.Path != "" {
			break
		}
	}
	if c.Endpoint != "" || a.tokenFile != "" {
		token, err := a.tokenFor(ctx, c.Endpoint, from)
		if err != nil {
			return c, err
		}
		if c.Token = token; token == "" && !from.isFile {
			c.Identity = identity.From(os.Getenv)
		}
	}
	for _, s := range sources {
		c = open.From(c, func(variable string) string {
			if variable == settingToken || identity.IsVariable(variable) {
				return "" // tokenFor decides about it
			}
			return s.lookup(variable)
		})
	}
	return c, nil
}

// tokenFor returns the token for an endpoint, and is the only function that decides which token goes where. A token of
// --token-file or POUNCET_TOKEN, and an identity token, goes only to an endpoint that the user named with a flag or a
// variable: anyone who can change a file could choose another server, and get the token. To the endpoint of a file goes
// only the token that was stored for it. The result is "" if there is none, for an error of the client, and if the
// client logs in.
func (a *app) tokenFor(ctx context.Context, endpoint string, from settingSource) (string, error) {
	if from.isFile {
		origin := from.origin(settingEndpoint)
		if a.tokenFile != "" {
			return "", &usageError{backend.Errorf(backend.CodeInvalid,
				"the endpoint is from %s, and --token-file does not go to an endpoint from a file", origin).
				WithHint("if you trust this server, log in: pouncet login --endpoint %s; or set --endpoint", endpoint)}
		}
		token, err := storedToken(endpoint)
		if err != nil || token != "" {
			return token, err
		}
		e := backend.Errorf(backend.CodeUnauthenticated, "no token is stored for %s, the endpoint from %s", endpoint, origin).
			WithHint("if you trust this server, log in: pouncet login --endpoint %s", endpoint).At("token")
		if os.Getenv(settingToken) != "" {
			e = e.WithHint("POUNCET_TOKEN does not go to an endpoint from a file; if you trust this server, set "+
				"POUNCET_ENDPOINT too, or log in: pouncet login --endpoint %s", endpoint)
		}
		return "", e
	}
	if a.tokenFile != "" {
		return a.readTokenFile(ctx)
	}
	if token := os.Getenv(settingToken); token != "" {
		return token, nil
	}
	if identity.From(os.Getenv).IsAvailable() {
		return "", nil // the client logs in
	}
	// A certificate logs in only without a stored token: a server can demand one of everybody, also of people who have
	// logged in. A stored session that has ended is of no use to anybody.
	stored, err := readStoredToken(endpoint)
	if stored.HasEnded() && a.logsInByCertificate() {
		return "", err
	}
	return stored.Token, err
}

// logsInByCertificate reports whether a client without a token, also without a stored one, logs in with its
// certificate.
func (a *app) logsInByCertificate() bool {
	file, _ := a.setting(settingCert)
	return file != "" && os.Getenv(settingTrust) != ""
}

// readTokenFile returns the token of --token-file.
func (a *app) readTokenFile(ctx context.Context) (string, error) {
	// The file can be a pipe, into which nobody may ever write.
	text, err := interruptible(ctx, func() ([]byte, error) { return readStart(a.tokenFile, maxTokenFile+1) })
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case len(text) > maxTokenFile:
		return "", backend.Errorf(backend.CodeInvalid, "the file of --token-file is too large for a token: the limit is %d "+
			"bytes", maxTokenFile).WithHint("name a file that holds the token and nothing else")
	case err != nil:
		return "", backend.Errorf(backend.CodeInvalid, "reading the token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// maxTokenFile is the largest file of --token-file, in bytes.
const maxTokenFile = 64 << 10

// readStart reads at most so many bytes of a file, which can be a device that never ends.
func readStart(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// storedToken returns the token that was stored for an endpoint, or "".
func storedToken(endpoint string) (string, error) {
	stored, err := readStoredToken(endpoint)
	return stored.Token, err
}

// readStoredToken reads the token that was stored for an endpoint. Without a configuration folder, there is none.
func readStoredToken(endpoint string) (settingsfile.StoredToken, error) {
	tokens, err := settingsfile.OpenTokens()
	if err != nil {
		return settingsfile.StoredToken{}, nil
	}
	if _, err := httpapi.NormalizeEndpoint(endpoint); err != nil {
		return settingsfile.StoredToken{}, nil // the client reports it
	}
	return tokens.Get(endpoint)
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
		variables := append([]string{settingToken, settingCACert, settingCert, settingCertKey}, identity.Variables...)
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

// embeddedConfig is openConfig for a command that works on an embedded backend only. It rejects the endpoint of a
// server that a flag or a variable names, and ignores servers that files name; purpose says what the command does.
func (a *app) embeddedConfig(ctx context.Context, purpose string) (open.Config, error) {
	sources := slices.DeleteFunc(a.settingSources(), func(s settingSource) bool { return s.isFile })
	for _, s := range sources {
		if s.lookup(settingEndpoint) != "" {
			origin := s.origin(settingEndpoint)
			return open.Config{}, &usageError{backend.Errorf(backend.CodeInvalid, "%s, but %s names a server", purpose, origin).
				WithHint("remove %s", origin)}
		}
		if s.lookup(settingHome) != "" {
			break
		}
	}
	return a.openConfigFrom(ctx, sources)
}
