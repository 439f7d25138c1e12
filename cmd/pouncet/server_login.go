// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// clientSecrets are the files with what proves the server to issuers, by the names of trusts.
type clientSecrets struct {
	texts []string
	files map[string]string
}

func (s *clientSecrets) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.texts, "client-secret-file", nil,
		"`TRUST=FILE` with the client secret for people who sign in at the issuer of this trust; repeat for more trusts")
}

// check reads each file once, so that a wrong one is found when the server starts.
func (s *clientSecrets) check(c *cobra.Command) error {
	s.files = map[string]string{}
	for _, text := range s.texts {
		trust, path, ok := strings.Cut(text, "=")
		switch {
		case !ok || trust == "" || path == "":
			return usage(c, "--client-secret-file %s is not a trust and a file", backend.Quote(text)).
				withHint("write it as --client-secret-file NAME=/PATH/TO/FILE")
		case s.files[trust] != "":
			return usage(c, "--client-secret-file names the trust %s twice", backend.Quote(trust))
		}
		s.files[trust] = path
		if _, err := s.read(trust); err != nil {
			return err
		}
	}
	return nil
}

// maxClientSecret is the longest client secret, in bytes.
const maxClientSecret = 4096

// read returns the client secret for a trust, or "". It reads the file each time, so that a new one needs no restart.
func (s *clientSecrets) read(trust string) (string, error) {
	path := s.files[trust]
	if path == "" {
		return "", nil
	}
	text, err := readStart(path, maxClientSecret+1)
	if err != nil {
		return "", backend.Errorf(backend.CodeInvalid, "reading the client secret of the trust %s: %w", backend.Quote(trust),
			err).WithHint("check --client-secret-file")
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || len(text) > maxClientSecret || strings.ContainsAny(secret, "\r\n") {
		return "", backend.Errorf(backend.CodeInvalid, "the file %s has no client secret of one line with at most %d bytes",
			backend.Quote(path), maxClientSecret).WithHint("put the secret into it, and nothing else")
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
