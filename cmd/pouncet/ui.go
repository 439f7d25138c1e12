// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"html/template"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/web"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

func (a *app) uiCommand() *cobra.Command {
	listen := "127.0.0.1:0"
	var noBrowser bool
	c := &cobra.Command{
		Use:   "ui",
		Short: "Show the embedded backend in a browser",
		Long: wrap("Serves the dashboard of the embedded backend on a loopback address, and opens it in your browser. "+
			"It runs until you interrupt it.") + "\n\n" +
			wrap("It prints the address and a code, for another browser. The code is valid once, for a minute. Press Enter for "+
				"a new one. With --no-browser, it opens no browser.") + "\n\n" +
			wrap("A server has its own dashboard, at the path /ui/ of its endpoint."),
		Example: "  pouncet ui\n  pouncet ui --listen 127.0.0.1:9000 --no-browser",
		Args:    arguments(0, 0, "no arguments"),
	}
	c.Flags().StringVar(&listen, "listen", listen, "loopback `address` and port to listen on; port 0 chooses a free one")
	c.Flags().BoolVar(&noBrowser, "no-browser", false, "print the address and a code, and open no browser")
	c.RunE = func(c *cobra.Command, _ []string) error {
		config, err := a.embeddedConfig(c.Context(), "ui shows an embedded backend")
		if err != nil {
			return err
		}
		l, err := listenOnLoopback(c.Context(), listen)
		if err != nil {
			return err
		}
		b, err := open.Open(c.Context(), config)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		a.reportUpgrade(b.Upgrade)
		return errors.Join(a.serveUI(c.Context(), b, l, noBrowser), b.Close())
	}
	return c
}

// listenOnLoopback listens on an address that other machines cannot reach: the pages speak plain HTTP.
func listenOnLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(listenAddress(address))
	if err != nil || !backend.IsLoopback(host) {
		return nil, &usageError{backend.Errorf(backend.CodeInvalid, "--listen %s is not a loopback address and a port",
			backend.Quote(address)).WithHint("use 127.0.0.1:PORT; for other machines: pouncet server")}
	}
	l, _, err := httpapi.Listen(ctx, httpapi.ListenOptions{Address: listenAddress(address)})
	return l, err
}

// serveUI serves the pages until ctx ends.
func (a *app) serveUI(ctx context.Context, b *open.Backend, l net.Listener, noBrowser bool) error {
	sealed, err := processCipher()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	codes := site.NewCodes(open.LocalUser(), nil)
	pages := web.New(site.Options{
		Service: b, Identity: codes, Audit: b.Log(), Rights: b.Rights, CheckHost: true, SignInFromFile: true,
		Cipher: func(context.Context) (cipher.AEAD, error) { return sealed, nil }, Version: version,
		Problems: func(ctx context.Context) []error {
			problems, err := b.Problems(ctx)
			if err != nil && len(problems) == 0 {
				problems = []error{err}
			}
			return problems
		},
	})
	mux := http.NewServeMux()
	mux.Handle(site.Root, pages)
	mux.Handle("GET /{$}", http.RedirectHandler(site.Root, http.StatusSeeOther))
	address := "http://" + l.Addr().String() + site.Root
	a.println("dashboard: " + address)
	if !noBrowser {
		remove, started := a.openBrowser(ctx, address, codes)
		defer remove()
		if started {
			a.noteText("pouncet: opening your browser; if the page does not appear, use the code")
		}
	}
	a.println("code: " + codes.New())
	go a.newCodes(ctx, codes)
	return httpapi.Serve(ctx, l, mux, httpapi.Options{})
}

// processCipher returns the cipher for the sessions of one process. They end with it.
func processCipher() (cipher.AEAD, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // aborts the program rather than fail
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "making a cipher: %w", err)
	}
	sealed, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "making a cipher: %w", err)
	}
	return sealed, nil
}

// newCodes prints a new code for each line that is typed at the terminal.
func (a *app) newCodes(ctx context.Context, codes *site.Codes) {
	lines := bufio.NewScanner(a.in)
	for lines.Scan() && ctx.Err() == nil {
		a.println("code: " + codes.New())
	}
}

// signInFile is a page that signs in. Its code is neither in an address nor in the arguments of the browser.
var signInFile = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Pouncet</title>
<form method="post" action="{{.Address}}sign-in"><input type="hidden" name="code" value="{{.Code}}">
<button>Open the dashboard</button></form><script>document.forms[0].submit()</script></html>
`))

// openBrowser opens a local file that signs in, and reports whether a program for it has started. Its code is valid for
// a minute, and once. The file is removed when the code is of no use any more, and by remove.
func (a *app) openBrowser(ctx context.Context, address string, codes *site.Codes) (remove func(), started bool) {
	remove, started = a.openPage(ctx, func(to io.Writer) error {
		return signInFile.Execute(to, struct{ Address, Code string }{address, codes.New()})
	})
	time.AfterFunc(site.CodeLifetime, remove)
	return remove, started
}

// openPage opens a local page in the browser, and reports whether a program for it has started. Only this user can read
// the page: what it has is in no argument of a program, which others can see. remove removes the page.
func (a *app) openPage(ctx context.Context, page func(to io.Writer) error) (remove func(), started bool) {
	remove = func() {}
	dir, err := os.MkdirTemp("", "pouncet-ui-*") // for this user only
	if err != nil {
		return remove, false
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path := filepath.Join(dir, "sign-in.html")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return remove, false
	}
	command := browserCommand(path)
	if errors.Join(page(f), f.Close()) != nil || len(command) == 0 {
		return remove, false
	}
	browser := exec.CommandContext(ctx, command[0], command[1:]...)
	if browser.Start() != nil {
		return remove, false
	}
	go func() {
		if err := browser.Wait(); err != nil && ctx.Err() == nil {
			a.notef("pouncet: the program %s could not open the page: %s", command[0], err.Error())
		}
	}()
	return remove, true
}

// browserCommand returns the command that opens a file in the browser; none if there is no screen.
func browserCommand(path string) []string {
	switch runtime.GOOS {
	case "darwin":
		return []string{"open", path}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", path}
	}
	if os.Getenv("DISPLAY")+os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	if browser := os.Getenv("BROWSER"); browser != "" && !strings.ContainsAny(browser, " %:") {
		return []string{browser, path}
	}
	return []string{"xdg-open", path}
}
