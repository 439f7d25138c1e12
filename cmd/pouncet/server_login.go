// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// clientSecrets are the files with what proves the server to issuers, by their URLs, or by the URL, # and the id of the
// client. They do not belong to trusts: who may change a trust could otherwise have the secret of one issuer sent to
// another one.
type clientSecrets struct {
	texts []string
	files map[clientOf]string
}

// clientOf is a client of an issuer; without an id, it is every client that is not named.
type clientOf struct{ issuer, id string }

func (c clientOf) String() string {
	if c.id == "" {
		return c.issuer
	}
	return c.issuer + "#" + c.id
}

func (s *clientSecrets) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.texts, "client-secret-file", nil,
		"`ISSUER=FILE` with the client secret for people who sign in at the issuer with this URL, or ISSUER#CLIENT=FILE for "+
			"the client with this id; repeat for more")
}

// check reads each file once, so that a wrong one is found when the server starts.
func (s *clientSecrets) check(c *cobra.Command) error {
	s.files = map[clientOf]string{}
	for _, text := range s.texts {
		client, path, err := parseClientFile(c, text)
		switch {
		case err != nil:
			return err
		case s.files[client] != "":
			e := usage(c, "--client-secret-file names %s twice", backend.Quote(client.String()))
			if client.id == "" {
				e = e.withHint("name each client: ISSUER#CLIENT=FILE")
			}
			return e
		}
		s.files[client] = path
		if _, err := s.read(client.issuer, client.id); err != nil {
			return err
		}
	}
	return nil
}

// parseClientFile takes a text such as ISSUER#CLIENT=FILE apart. The issuer, the client and the path can have = too. So
// it tries each = after a valid issuer, and takes the one before the path of a file that exists. If no such file
// exists, it takes the first =, so that the error names the whole path.
func parseClientFile(c *cobra.Command, text string) (client clientOf, path string, err error) {
	found := 0
	for i, char := range text {
		if char != '=' || i == len(text)-1 {
			continue
		}
		of, ok := parseClient(text[:i])
		if !ok {
			continue
		}
		file := text[i+1:]
		exists := isFile(file)
		if exists {
			found++
		}
		if path == "" || exists {
			client, path = of, file
		}
	}
	switch {
	case path == "":
		return client, "", usage(c, "the value %s of --client-secret-file is not valid", backend.Quote(text)).
			withHint("write the URL of the issuer and the path of the file: https://issuer.example.com=/PATH/TO/FILE")
	case found > 1:
		return client, "", usage(c, "the value %s of --client-secret-file can mean several files", backend.Quote(text)).
			withHint("write an absolute path without =")
	}
	return client, path, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// parseClient takes ISSUER or ISSUER#CLIENT apart.
func parseClient(text string) (clientOf, bool) {
	issuer, id, forClient := strings.Cut(text, "#")
	return clientOf{issuer, id}, backend.CheckIssuer(issuer) == nil && (!forClient || id != "")
}

// maxClientSecret is the longest client secret, in bytes.
const maxClientSecret = 4096

// read returns the client secret for a client of an issuer, or "". It reads the file each time, so that a new one needs
// no restart.
func (s *clientSecrets) read(issuer, client string) (string, error) {
	path := cmp.Or(s.files[clientOf{issuer, client}], s.files[clientOf{issuer, ""}])
	if path == "" {
		return "", nil
	}
	text, err := readStart(path, maxClientSecret+1)
	if err != nil {
		return "", backend.Errorf(backend.CodeInvalid, "reading the client secret for the issuer %s: %w",
			backend.Quote(issuer), err).WithHint("check --client-secret-file")
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || len(text) > maxClientSecret || strings.ContainsAny(secret, "\r\n") {
		return "", backend.Errorf(backend.CodeInvalid,
			"the file %s must hold a client secret of one line with at most %d bytes", backend.Quote(path),
			maxClientSecret).WithHint("put the secret into it, and nothing else")
	}
	return secret, nil
}

// identityLogins lets callers of a server in who have an identity token, and people who sign in at an issuer.
func (s serverSettings) identityLogins(parts *open.Parts, log *slog.Logger) *oidc.Logins {
	return oidc.New(parts.Store, oidc.Options{Cipher: parts.TokenCipher, Record: audit.NewChanges(nil).LoggedIn, Log: log,
		ClientSecret: s.clients.read})
}

// loginWith is the login over HTTP.
func loginWith(logins *oidc.Logins) httpapi.LoginFunc {
	return func(ctx context.Context, trust, token string) (httpapi.LoginSession, backend.Principal, error) {
		s, who, err := logins.Login(ctx, trust, token)
		return httpapi.LoginSession{Token: s.Token, ExpiresAt: s.ExpiresAt, Principal: who.Name, Kind: who.Kind}, who, err
	}
}
