// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"log/slog"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// identityLogins lets callers of a server in who have an identity token.
func identityLogins(parts *open.Parts, log *slog.Logger) httpapi.LoginFunc {
	logins := oidc.New(parts.Store, oidc.Options{Cipher: parts.TokenCipher, Record: audit.NewChanges(nil).LoggedIn,
		Log: log})
	return func(ctx context.Context, trust, token string) (httpapi.LoginSession, backend.Principal, error) {
		s, who, err := logins.Login(ctx, trust, token)
		return httpapi.LoginSession{Token: s.Token, ExpiresAt: s.ExpiresAt, Principal: who.Name, Kind: who.Kind}, who, err
	}
}
