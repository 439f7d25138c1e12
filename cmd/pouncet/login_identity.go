// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/identity"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// identityFlags are the flags of a login with an identity token or a client certificate.
type identityFlags struct {
	trust, issuer, client string
	noBrowser             bool
}

func (f *identityFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.trust, "trust", "",
		"log in with an identity token or a client certificate, which this `trust` of the server accepts "+
			"(POUNCET_OIDC_TRUST)")
	c.Flags().StringVar(&f.issuer, "issuer", "", "log in at this OpenID Connect issuer, in a browser: its `URL`")
	c.Flags().StringVar(&f.client, "client-id", "",
		"with --issuer: the `id` of the application there, the audience of the trust")
	c.Flags().BoolVar(&f.noBrowser, "no-browser", false, "with --issuer: print the address instead of opening a browser")
}

// identity returns how to log in, or nil for a login with a token.
func (f *identityFlags) identity(c *cobra.Command, a *app) (*httpapi.Identity, error) {
	from := identity.From(os.Getenv)
	if f.trust != "" {
		from.Trust = f.trust
	}
	switch {
	case f.issuer != "" && f.client == "":
		return nil, usage(c, "--issuer requires --client-id").
			withHint("name the application that the issuer knows for Pouncet; it is the audience of the trust")
	case f.issuer == "" && (f.client != "" || f.noBrowser):
		return nil, usage(c, "--client-id and --no-browser require --issuer")
	case f.issuer != "":
		if err := backend.CheckIssuer(f.issuer); err != nil {
			return nil, &usageError{err}
		}
		f.trust = from.Trust
		return &httpapi.Identity{Trust: f.trust, Fetch: a.onceFromBrowser(*f)}, nil
	case from.IsAvailable() && (f.trust != "" || a.tokenFile == ""):
		return &httpapi.Identity{Trust: from.Trust, Fetch: func(ctx context.Context) (string, error) {
			endpoint, _ := a.setting(settingEndpoint)
			return from.Fetch(ctx, endpoint)
		}}, nil
	}
	certificate, _ := a.setting(settingCert)
	switch {
	case certificate != "" && from.Trust != "" && (f.trust != "" || a.tokenFile == ""):
		return &httpapi.Identity{Trust: from.Trust}, nil
	case f.trust != "":
		return nil, usage(c, "--trust requires an identity token or a client certificate").
			withHint("set %s or %s; on GitHub, give the job the permission \"id-token: write\"; for a certificate, set %s "+
				"and %s; a person sets --issuer and --client-id", identity.VariableToken, identity.VariableFile, settingCert,
				settingCertKey)
	}
	return nil, nil
}

// loginWithIdentity stores the token of a session, which the server gives for an identity token or a certificate.
func (a *app) loginWithIdentity(ctx context.Context, endpoint string, who *httpapi.Identity) error {
	config := open.Config{Endpoint: endpoint}
	for _, s := range a.settingSources() {
		config = open.From(config, func(name string) string {
			if name == settingToken || identity.IsVariable(name) {
				return ""
			}
			return s.lookup(name)
		})
	}
	s, err := httpapi.Login(ctx, httpapi.ClientOptions{Endpoint: endpoint, UserAgent: "pouncet/" + version,
		CACertFile: config.CACertFile, ClientCertFile: config.ClientCertFile, ClientKeyFile: config.ClientKeyFile,
		Identity: who})
	if err != nil {
		return err
	}
	a.sessionEnds = s.ExpiresAt
	return a.login(ctx, endpoint, s.Token)
}
