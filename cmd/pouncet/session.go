// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/identity"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	settingsfile "github.com/pouncet/terraform-provider-pouncet/cmd/settings"
)

// principalJSON says who a caller is.
type principalJSON struct {
	Name      string                `json:"name"`
	ID        string                `json:"id,omitempty"`
	Role      backend.Role          `json:"role,omitempty"`
	Kind      backend.PrincipalKind `json:"kind,omitempty"`
	ExpiresAt time.Time             `json:"expires_at,omitzero"`
}

func principalOf(o backend.Object) *principalJSON {
	return &principalJSON{o.Name, o.ID, o.Role, o.Principal, o.ExpiresAt}
}

// text is the principal in one line.
func (p *principalJSON) text() string {
	text := p.Name + ", role " + string(p.Role) + ", for a " + string(p.Kind)
	if !p.ExpiresAt.IsZero() {
		text += ", expires " + formatTime(p.ExpiresAt)
	}
	return text
}

// caller asks a backend who the caller is. It returns nil if a server of an earlier release cannot say it; the token is
// valid then.
func caller(ctx context.Context, s backend.Service) (*principalJSON, error) {
	page, err := s.Query(ctx, backend.Query{Kind: backend.KindToken, Self: true})
	if errors.Is(err, backend.ErrInvalid) {
		_, err = s.Query(ctx, backend.Query{Kind: backend.KindProject, Limit: 1})
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if len(page.Objects) == 0 {
		return nil, backend.Errorf(backend.CodeUnauthenticated, "the token was deleted during the request").
			WithHint("log in with another token: pouncet login")
	}
	return principalOf(page.Objects[0]), nil
}

func (a *app) loginCommand() *cobra.Command {
	var stdin bool
	var with identityFlags
	c := &cobra.Command{
		Use:   "login --endpoint URL",
		Short: "Store a token for a server",
		Long: wrap("Stores a token for a server, and uses it for every command that names this server and no other token. "+
			"The command asks for the token at the terminal, or reads it from standard input (--stdin) or from a file "+
			"(--token-file). It stores the token only if the server accepts it.") + "\n\n" +
			wrap("The token is in a file below your folder for configuration, which only you can read. It is stored for "+
				"this endpoint, and is sent to no other one. An endpoint in pouncet.yaml or in a profile gets only a token "+
				"that was stored in this way.") + "\n\n" +
			wrap("Without a token, a pipeline logs in with the identity token that GitHub, GitLab or Kubernetes gives it, or "+
				"with its client certificate (--trust), and a person in a browser (--issuer). What is stored then is valid for "+
				"a short time."),
		Example: "  pouncet login --endpoint https://pouncet.example.com\n" +
			"  pouncet login --endpoint https://pouncet.example.com --stdin < token\n" +
			"  pouncet login --endpoint https://pouncet.example.com --trust github\n" +
			"  pouncet login --endpoint https://pouncet.example.com --issuer https://accounts.example.com --client-id pouncet",
		Args: arguments(0, 0, "no arguments"),
	}
	c.Flags().BoolVar(&stdin, "stdin", false, "read the token from standard input")
	with.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := a.addProfile(); err != nil {
			return err
		}
		endpoint, _ := a.setting(settingEndpoint)
		switch {
		case endpoint == "":
			return usage(c, "an endpoint is required").withHint("set --endpoint to the URL of the server")
		case stdin && a.tokenFile != "":
			return exclusive(c, "--stdin and --token-file")
		}
		endpoint, err := httpapi.NormalizeEndpoint(endpoint)
		if err != nil {
			return err
		}
		if !stdin {
			who, err := with.identity(c, a)
			if err != nil {
				return err
			}
			if who != nil {
				return a.loginWithIdentity(c.Context(), endpoint, who)
			}
		}
		token, err := a.readToken(c.Context(), endpoint, stdin)
		if err != nil {
			return err
		}
		return a.login(c.Context(), endpoint, token)
	}
	return c
}

// maxToken is the longest input that is read as a token, in bytes.
const maxToken = 4096

// readToken returns the token to store.
func (a *app) readToken(ctx context.Context, endpoint string, stdin bool) (string, error) {
	var token string
	switch f, terminal := a.in.(*os.File); {
	case a.tokenFile != "":
		text, err := a.readTokenFile(ctx)
		if err != nil {
			return "", err
		}
		token = text
	case stdin:
		text, err := interruptible(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.in, maxToken+1)) })
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err != nil:
			return "", backend.Errorf(backend.CodeInvalid, "reading the token: %w", err)
		}
		token = string(text)
	case terminal && isTerminal(a.in):
		text, err := a.readHidden(ctx, f, "Token for "+endpoint+" (hidden): ")
		if err != nil {
			e := *backend.AsError(err)
			return "", e.WithHint("paste the token, or use --stdin or --token-file")
		}
		token = string(text)
	default:
		return "", &usageError{backend.Errorf(backend.CodeInvalid,
			"a token is required, and there is no terminal to ask for it").
			WithHint("use --stdin or --token-file").At("token")}
	}
	token = strings.TrimSpace(token)
	if token == "" {
		return "", &usageError{backend.Errorf(backend.CodeInvalid, "no token was given: the input is empty").
			WithHint("an unset variable of the shell is empty; a token begins with %s", access.Prefix).At("token")}
	}
	if !access.WellFormed(token) {
		return "", backend.Errorf(backend.CodeUnauthenticated,
			"the token is not valid: it was cut off or mistyped, or is not a Pouncet token").
			WithHint("copy it again; a token begins with %s", access.Prefix).At("token")
	}
	return token, nil
}

// login stores a token that the server accepts.
func (a *app) login(ctx context.Context, endpoint, token string) error {
	config := open.Config{UserAgent: "pouncet/" + version, Endpoint: endpoint, Token: token}
	for _, s := range a.settingSources() {
		config = open.From(config, s.lookup)
	}
	b, err := open.Open(ctx, config)
	if err != nil {
		return err
	}
	who, err := caller(ctx, b)
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	tokens, err := settingsfile.OpenTokens()
	if err != nil {
		return err
	}
	if err := tokens.Put(endpoint, settingsfile.StoredToken{Token: token, ExpiresAt: a.sessionEnds}); err != nil {
		return err
	}
	if a.json {
		if who != nil && !a.sessionEnds.IsZero() {
			who.ExpiresAt = a.sessionEnds
		}
		a.printJSON(map[string]any{"endpoint": endpoint, "principal": who})
		return nil
	}
	a.println("logged in to " + endpoint)
	if who != nil {
		a.println("you are " + who.text())
	}
	if !a.sessionEnds.IsZero() {
		a.println("the session ends at " + formatTime(a.sessionEnds))
	}
	return nil
}

func (a *app) logoutCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "logout",
		Short: "Remove a stored token",
		Long: wrap("Removes the token that \"pouncet login\" stored for a server. Without --endpoint, that is the server "+
			"that the other settings name. With --all, it removes the tokens for all servers.") + "\n\n" +
			wrap("The server still accepts the token. \"pouncet token delete\" ends it. A session ends by itself, or by a "+
				"change of its trust."),
		Example: "  pouncet logout --endpoint https://pouncet.example.com\n  pouncet logout --all",
		Args:    arguments(0, 0, "no arguments"),
	}
	c.Flags().BoolVar(&all, "all", false, "remove the tokens for all servers")
	c.RunE = func(c *cobra.Command, _ []string) error {
		tokens, err := settingsfile.OpenTokens()
		if err != nil {
			return err
		}
		var endpoints []string
		endpoint, _ := a.setting(settingEndpoint)
		switch {
		case all && a.endpoint != "":
			return exclusive(c, "--all and --endpoint")
		case all:
			var broken []string
			if endpoints, broken, err = tokens.All(); err != nil {
				return err
			}
			// The tokens are removed even if a broken file cannot be removed.
			return errors.Join(a.removeBroken(tokens, broken), a.logout(tokens, endpoints, true))
		case endpoint == "":
			return usage(c, "an endpoint is required").withHint("set --endpoint to the URL of the server, or use --all")
		default:
			endpoints = []string{endpoint}
		}
		return a.logout(tokens, endpoints, false)
	}
	return c
}

// removeBroken removes the files of tokens that no token can be read from, or that other users can read.
func (a *app) removeBroken(tokens settingsfile.Tokens, files []string) error {
	var errs []error
	for _, path := range files {
		if err := tokens.DeleteFile(path); err != nil {
			errs = append(errs, err)
			continue
		}
		a.noteText("pouncet: removed " + path + ", whose token could not be used; the server may still accept it")
	}
	return errors.Join(errs...)
}

func (a *app) logout(tokens settingsfile.Tokens, endpoints []string, all bool) error {
	removed := []string{}
	sessions := 0
	for _, endpoint := range endpoints {
		stored, _ := tokens.Get(endpoint) // a file that cannot be read is removed nevertheless
		existed, err := tokens.Delete(endpoint)
		if err != nil {
			return err
		}
		if existed {
			removed = append(removed, endpoint)
			if stored.IsSession() {
				sessions++
			}
		}
	}
	if len(removed) == 0 && !all {
		return backend.Errorf(backend.CodeNotFound, "no token is stored for %s", endpoints[0]).
			WithHint("remove all stored tokens: pouncet logout --all")
	}
	if a.json {
		a.printJSON(map[string]any{"endpoints": removed})
		return nil
	}
	for _, endpoint := range removed {
		a.println("logged out of " + endpoint)
	}
	if len(removed) == 0 {
		a.println("no token is stored")
	}
	if sessions > 0 {
		a.noteText("pouncet: the server still accepts the session until it ends; a change of its trust ends it earlier")
	}
	if len(removed) > sessions {
		a.noteText("pouncet: the server still accepts the token; to end it: pouncet token delete NAME")
	}
	return nil
}

// settingJSON is one setting with its source. A token has no value.
type settingJSON struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Source string `json:"source"`
}

func (a *app) whoamiCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "whoami",
		Short: "Show who you are, and where each setting comes from",
		Long: wrap("Asks the backend who you are: the name of the token or of the local user, its role, whether it is a " +
			"person or a workload, and when it expires. It also shows each setting with its source. It never shows a token."),
		Example: "  pouncet whoami\n  pouncet whoami --profile work --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			rows := a.settingRows()
			who, location, err := a.whoami(ctx)
			if location != "" && !hasRow(rows, "endpoint") && !hasRow(rows, "folder") {
				rows = append(rows, settingJSON{"folder", location, "found from the working folder upwards"})
			}
			if a.json {
				a.printJSON(map[string]any{"principal": who, "settings": rows})
				return err
			}
			if who != nil {
				a.println("you are " + who.text())
			} else if err == nil {
				a.noteText("pouncet: the server is of an earlier release, and cannot say who you are; the token is valid")
			}
			a.printSettings(rows)
			return err
		},
	}
}

func hasRow(rows []settingJSON, name string) bool {
	for _, r := range rows {
		if r.Name == name {
			return true
		}
	}
	return false
}

// whoami returns who the caller is, and the folder of an embedded backend.
func (a *app) whoami(ctx context.Context) (who *principalJSON, location string, err error) {
	b, err := a.connect(ctx)
	if err != nil {
		return nil, "", err
	}
	who, err = caller(ctx, b)
	return who, b.Location, errors.Join(err, b.Close())
}

// settingRows returns the settings that have a value, with their sources.
func (a *app) settingRows() []settingJSON {
	rows := []settingJSON{}
	for _, s := range []struct{ variable, name, otherwise string }{
		{settingProfile, "profile", ""}, {settingEndpoint, "endpoint", ""}, {settingHome, "folder", ""},
		{settingCACert, "ca_cert_file", ""}, {settingCert, "client_cert_file", ""},
		{settingCertKey, "client_key_file", ""}, {settingKMSKey, "kms_key", ""},
		{settingProject, "project", backend.DefaultProject}, {settingEnv, "environment", ""},
	} {
		value, origin := a.setting(s.variable)
		if value == "" {
			value, origin = s.otherwise, "default"
		}
		if value == "" {
			continue
		}
		rows = append(rows, settingJSON{s.name, value, origin})
		if s.variable == settingEndpoint {
			if source := a.tokenSource(value); source != "" {
				rows = append(rows, settingJSON{Name: "token", Source: source})
			}
		}
	}
	return rows
}

// tokenSource says where the token for the endpoint of the settings comes from, as tokenFor decides it.
func (a *app) tokenSource(endpoint string) string {
	fromFile := true
	for _, s := range a.settingSources() {
		if s.lookup(settingEndpoint) != "" {
			fromFile = s.isFile
			break
		}
	}
	switch {
	case !fromFile && a.tokenFile != "":
		return flagOfSetting(settingToken)
	case !fromFile && os.Getenv(settingToken) != "":
		return settingToken
	case !fromFile && identity.From(os.Getenv).IsAvailable():
		return identity.From(os.Getenv).Describe()
	}
	if token, err := storedToken(endpoint); err == nil && token != "" {
		return "stored by pouncet login"
	}
	if !fromFile && a.logsInByCertificate() {
		return "client certificate, for trust " + os.Getenv(settingTrust)
	}
	return ""
}

func (a *app) printSettings(rows []settingJSON) {
	t := table{titles: []string{"SETTING", "VALUE", "SOURCE"}}
	for _, r := range rows {
		t.add(r.Name, cmp.Or(r.Value, "(hidden)"), r.Source)
	}
	a.printTable(t)
}
