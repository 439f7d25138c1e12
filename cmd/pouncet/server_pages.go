// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/web"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// pages returns the dashboard of a server.
func (s serverSettings) pages(at *listening, parts *open.Parts, logins *access.Logins,
	identities *oidc.Logins, service *audit.Log, health *httpapi.Health, hidden *httpapi.Places,
	log *slog.Logger) http.Handler {
	behindProxy := s.listen.insecureBehindProxy || len(s.proxies) > 0
	return web.New(site.Options{
		Service: hidden.Service(service), Identity: site.Tokens{Logins: logins}, Issuers: identities,
		Ended:  access.NewSessions(parts.Store, nil),
		Cipher: parts.SessionCipher, Rights: parts.Rights,
		Audit: service, CheckHost: at.certificate == nil && !behindProxy && isLoopbackListener(at),
		BehindTLS: behindProxy, SignedIn: httpapi.LogPrincipal, Log: log, Version: version,
		Problems: func(context.Context) (shown []error) {
			for _, p := range health.Problems() {
				shown = append(shown, hidden.HideProblem(p))
			}
			return shown
		},
	})
}

func isLoopbackListener(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}
