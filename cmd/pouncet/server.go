// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

func (a *app) initCommand() *cobra.Command {
	var kmsKey string
	c := &cobra.Command{
		Use:   "init",
		Short: "Make an embedded backend, with the project \"default\"",
		Long: "Makes an embedded backend in $POUNCET_HOME, or in .pouncet in the working folder. Where\n" +
			"there is one already, it changes nothing.",
		Args: arguments(0, 0, "no arguments"),
	}
	c.Flags().StringVar(&kmsKey, "kms-key", "", "URI of the KMS key: aws-kms:///alias/NAME or file:///PATH (default a key file in the folder; POUNCET_KMS_KEY)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		config := open.FromEnvironment(open.Config{KMSKey: kmsKey})
		if config.Endpoint != "" || a.endpoint != "" {
			return usage(c, "init makes an embedded backend, and --endpoint or POUNCET_ENDPOINT names a server")
		}
		made, err := open.Init(c.Context(), config)
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(made)
			return nil
		}
		if made.Existing {
			a.printf("The backend in %s is there already; nothing was changed.\n", made.Path)
			return nil
		}
		a.printf("Made a backend in %s, with the project %q.\n", made.Path, backend.DefaultProject)
		a.printf("KMS key: %s\nFirst admin token, for pouncet server: in %s\n", made.KMSKey, made.TokenFile)
		return nil
	}
	return c
}

func (a *app) serverCommand() *cobra.Command {
	var listen string
	var quiet bool
	c := &cobra.Command{
		Use:   "server",
		Short: "Serve the embedded backend over HTTP",
		Long: "Serves the backend in $POUNCET_HOME, or the nearest .pouncet, over HTTP. Callers need a\n" +
			"token (pouncet token create). It speaks plain HTTP: put TLS in front of it.\n" +
			"An interrupt or SIGTERM lets running requests finish.",
		Args: arguments(0, 0, "no arguments"),
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8420", "address and port to listen on")
	c.Flags().BoolVar(&quiet, "quiet", false, "no line per request")
	c.RunE = func(c *cobra.Command, _ []string) error {
		config := open.FromEnvironment(open.Config{})
		if config.Endpoint != "" || a.endpoint != "" {
			return usage(c, "server serves an embedded backend, and --endpoint or POUNCET_ENDPOINT names another server")
		}
		parts, err := open.Embedded(c.Context(), config)
		if err != nil {
			return err
		}
		l, err := (&net.ListenConfig{}).Listen(c.Context(), "tcp", listen)
		if err != nil {
			_ = parts.Close()
			return backend.Errorf(backend.CodeUnavailable, "listening on %s: %w", listen, err).WithHint("choose another address by --listen")
		}
		o := httpapi.Options{Ready: parts.Health}
		if !quiet {
			o.Log = slog.New(slog.NewJSONHandler(a.err, nil))
		}
		service := access.Guard(audit.Log(parts.Engine, parts.Store, nil))
		handler := httpapi.NewServer(service, func(ctx context.Context, token string) (backend.Principal, error) {
			return access.Authenticate(ctx, parts.Store, token, time.Now())
		}, o)
		fmt.Fprintf(a.err, "listening on http://%s, serving %s\n", l.Addr(), parts.Location)
		return errors.Join(httpapi.Serve(c.Context(), l, handler, o), parts.Close())
	}
	return c
}
