// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"bufio"
	"context"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// dashboard is a running "pouncet ui", with the folder of its backend.
type dashboard struct {
	testing.TB
	program, home, address string
	codes                  chan string
	keys                   io.Writer // the terminal
}

// program returns the path of pouncet, which make builds for all tests.
func program(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("POUNCET_TEST_PROGRAMS"); dir != "" {
		return filepath.Join(dir, "pouncet")
	}
	path := filepath.Join(t.TempDir(), "pouncet")
	build := exec.Command("go", "build", "-o", path, "./cmd/pouncet")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building pouncet: %v\n%s", err, out)
	}
	return path
}

// newBackend creates a backend with the environments dev and prod.
func newBackend(t testing.TB) *dashboard {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("SKIPPED: chromium is not installed: the dashboard is not tested with a browser")
	}
	d := &dashboard{TB: t, program: program(t), home: filepath.Join(t.TempDir(), ".pouncet"),
		codes: make(chan string, 10)}
	d.run("", "init")
	d.run("", "env", "set", "dev")
	d.run("", "env", "set", "prod")
	return d
}

func (d *dashboard) command(args ...string) *exec.Cmd {
	c := exec.Command(d.program, args...)
	c.Dir = filepath.Dir(d.home)
	c.Env = append(os.Environ(), "POUNCET_HOME="+d.home, "USER=ada")
	return c
}

// run runs a command with an input, and returns its output.
func (d *dashboard) run(input string, args ...string) string {
	d.Helper()
	c := d.command(args...)
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	if err != nil {
		d.Fatalf("pouncet %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// serve starts the dashboard.
func (d *dashboard) serve() {
	d.Helper()
	c := d.command("ui", "--no-browser")
	keys, err := c.StdinPipe()
	if err != nil {
		d.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		d.Fatal(err)
	}
	if err := c.Start(); err != nil {
		d.Fatal(err)
	}
	d.keys = keys
	d.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && d.address == "" {
		d.address = strings.TrimPrefix(lines.Text(), "dashboard: ")
	}
	d.address = strings.TrimSuffix(d.address, "/ui/")
	d.code(lines.Text())
	go func() {
		for lines.Scan() {
			d.code(lines.Text())
		}
	}()
}

func (d *dashboard) code(line string) {
	if code, ok := strings.CutPrefix(line, "code: "); ok {
		d.codes <- code
	}
}

// startServer starts "pouncet server" with more arguments, at which people sign in with tokens.
func (d *dashboard) startServer(scheme string, args ...string) {
	d.Helper()
	command := d.command(append([]string{"server", "--quiet", "--listen", "127.0.0.1:0"}, args...)...)
	log, err := command.StderrPipe()
	if err != nil {
		d.Fatal(err)
	}
	if err := command.Start(); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	})
	lines := bufio.NewScanner(log)
	for d.address == "" && lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "listening on "); ok {
			at, _, _ := strings.Cut(rest, ",")
			u, err := url.Parse(at)
			if err != nil {
				d.Fatal(err)
			}
			d.address = scheme + "://" + u.Host
		}
	}
	go func() {
		for lines.Scan() {
			d.Log(lines.Text())
		}
	}()
}

// newCode presses Enter at the terminal, and returns the code that it shows.
func (d *dashboard) newCode() string {
	d.Helper()
	for len(d.codes) > 0 {
		<-d.codes // of the start, which may have expired
	}
	if _, err := io.WriteString(d.keys, "\n"); err != nil {
		d.Fatal(err)
	}
	return <-d.codes
}

// person is somebody with a separate browser.
type person struct {
	testing.TB
	ctx  context.Context
	d    *dashboard
	base string // the path of the session, such as /ui/~x
}

// deadline limits each test: a page that lacks something would be waited for without end.
const deadline = 6 * time.Minute

// person starts a browser with its own profile.
func (d *dashboard) person() *person {
	d.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1280, 900),
		chromedp.IgnoreCertErrors)
	limited, stop := context.WithTimeout(context.Background(), deadline)
	allocated, end := chromedp.NewExecAllocator(limited, options...)
	ctx, closeBrowser := chromedp.NewContext(allocated)
	d.Cleanup(func() { closeBrowser(); end(); stop() })
	return &person{TB: d.TB, ctx: ctx, d: d}
}

func (p *person) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	p.must(chromedp.Do(p.ctx, actions...))
}

// must fails the test with what the browser shows.
func (p *person) must(err error) {
	p.Helper()
	if err == nil {
		return
	}
	text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	p.Fatalf("%v\nat %s", err, text)
}

// evaluate returns the result of an expression. It waits for a promise.
func evaluate[T any](p *person, expression string) T {
	p.Helper()
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	p.must(err)
	return out
}

// waits waits until an expression is true.
func (p *person) waits(expression string) {
	p.Helper()
	evaluate[bool](p, `new Promise(done => {
		const look = () => (`+expression+`) ? done(true) : setTimeout(look, 50);
		look();
	})`)
}

// waitsFor waits until a condition is true. Unlike waits, it works across pages.
func (p *person) waitsFor(condition func() bool) {
	p.Helper()
	for !condition() {
		if p.ctx.Err() != nil {
			p.Fatalf("the test has waited too long: %v", p.ctx.Err())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// signIn signs in with a new code.
func (p *person) signIn() {
	p.Helper()
	p.signInWith(p.d.newCode())
}

// signInWith signs in with a code or a token.
func (p *person) signInWith(credential string) {
	p.Helper()
	p.base = ""
	p.open("/ui/")
	p.fill("#code", credential)
	p.submit("main form button.primary")
	p.sees("Sign out")
	p.base, _, _ = strings.Cut(evaluate[string](p, `location.pathname`), "/p/")
}

// open opens a page, in the session if there is one.
func (p *person) open(path string) {
	p.Helper()
	if rest, ok := strings.CutPrefix(path, "/ui/"); ok && p.base != "" && !strings.HasPrefix(path, p.base) {
		path = p.base + "/" + rest
	}
	p.do(chromedp.Navigate(p.d.address + path))
}

// fill types a text into a field, as its only content.
func (p *person) fill(selector, text string) {
	p.Helper()
	p.do(chromedp.WaitReady(chromedp.CSS(selector)))
	evaluate[chromedp.Void](p, `document.querySelector(`+quoted(selector)+`).value = ""`)
	p.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// submit clicks on what leads to another page, and waits for that page.
func (p *person) submit(selector string) {
	p.Helper()
	p.do(chromedp.WaitReady(chromedp.CSS(selector)))
	_, err := chromedp.RunResponse(p.ctx, chromedp.Click(chromedp.CSS(selector)))
	p.must(err)
}

func (p *person) click(selector string) {
	p.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// text returns the text of the page as it is shown.
func (p *person) text() string {
	p.Helper()
	return evaluate[string](p, `document.body.innerText`)
}

// source returns the source of the page, with what scripts have made of it.
func (p *person) source() string {
	p.Helper()
	return evaluate[string](p, `document.documentElement.outerHTML`)
}

func (p *person) sees(texts ...string) {
	p.Helper()
	shown := p.text()
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			p.Fatalf("the page does not have %q:\n%s", text, shown)
		}
	}
}

func (p *person) seesNot(texts ...string) {
	p.Helper()
	shown := p.text()
	for _, text := range texts {
		if strings.Contains(shown, text) {
			p.Fatalf("the page has %q:\n%s", text, shown)
		}
	}
}

// theme chooses light or dark.
func (p *person) theme(name string) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name},
			{Name: "prefers-reduced-motion", Value: "reduce"}}})
	p.must(err)
}

// width chooses the width of the window, in pixels.
func (p *person) width(pixels int64) {
	p.Helper()
	p.do(chromedp.EmulateViewport(pixels, 900))
}

// screenshot writes a picture of the whole page into the folder that POUNCET_SCREENSHOTS names.
func (p *person) screenshot(name string) {
	p.Helper()
	if dir := os.Getenv("POUNCET_SCREENSHOTS"); dir != "" {
		p.write(dir, name, chromedp.FullScreenshot(100))
	}
}

// inDocs are the pages whose pictures the documentation has, with the height of the picture in pixels.
var inDocs = map[string]int64{"entries": 480, "secret-versions": 1300, "matrix": 420, "draft": 340, "access": 560,
	"audit": 600}

// picture writes a picture for the documentation into the folder that POUNCET_PICTURES names.
func (p *person) picture(name string) {
	p.Helper()
	if dir := os.Getenv("POUNCET_PICTURES"); dir != "" && inDocs[name] > 0 {
		p.do(chromedp.EmulateViewport(1100, inDocs[name]))
		evaluate[chromedp.Void](p, `new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))`)
		p.write(dir, name, chromedp.CaptureScreenshot())
	}
}

func (p *person) write(dir, name string, shot chromedp.Action[[]byte]) {
	p.Helper()
	picture, err := chromedp.Run(p.ctx, shot)
	p.must(err)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		p.Fatal(err)
	}
}

// coversNothing fails the test if the last column of a list, which stays in sight, covers the one before. It looks at
// the list as it is when all times are long.
func (p *person) coversNothing() {
	p.Helper()
	covered := evaluate[string](p, `(() => {
		const times = Array.from(document.querySelectorAll("table time")), were = times.map(t => t.textContent);
		times.forEach(t => t.textContent = "59 minutes ago");
		const covered = Array.from(document.querySelectorAll("table:has(td.row) tr")).map(r => {
		const last = r.lastElementChild.getBoundingClientRect(), before = r.lastElementChild.previousElementSibling;
		return before.getBoundingClientRect().right > last.left + 1 ? before.innerText : "";
		}).join("");
		times.forEach((t, n) => t.textContent = were[n]);
		return covered;
	})()`)
	if covered != "" {
		p.Errorf("the actions cover %q", covered)
	}
}
