// SPDX-License-Identifier: MPL-2.0

package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

//go:embed layout.html error.html signin.html
var templates embed.FS

//go:embed static
var static embed.FS

// Page is what the layout shows around the main part of a page.
type Page struct {
	Title string
	// Section is the entry of the navigation that is marked.
	Section string
	Place   *Place // nil for a page about no project
	Data    any
}

// view is a Page with what the layout needs beside it.
type view struct {
	Page
	Principal backend.Principal
	Done      string // what the form before has done
	Version   string
	Path      string
	q         *Request
}

// Has reports whether the navigation has an entry.
func (v view) Has(section string) bool { return v.q != nil && v.q.sections[section] }

// Form returns the id of a new form.
func (view) Form() string { return NewForm() }

// URL returns a path of the dashboard as the browser of the person needs it.
func (v view) URL(path string) string { return v.q.URL(path) }

// Entry returns the path of a secret or scoped value, or one below it.
func (v view) Entry(o backend.Object, parts ...string) string { return v.URL(EntryPath(o, parts...)) }

// InProject returns a path below a project.
func (v view) InProject(project string, parts ...string) string {
	return v.URL(ProjectPath(project, parts...))
}

// Base is the path of the pages of the session, if it is not Root.
func (v view) Base() string {
	if part := partOf(v.q.R); part != "" {
		return baseOf(part)
	}
	return ""
}

// AsksForToken says that people sign in with a token.
func (v view) AsksForToken() bool { return v.q != nil && v.q.Identity.AsksForToken() }

// Template is a page in the layout. It is parsed when it is used first: nothing with a cost runs when the program
// starts.
type Template func() *template.Template

var layout = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("layout").Funcs(functions).ParseFS(templates, "layout.html"))
})

// NewTemplate returns the template in a file, which defines "main".
func NewTemplate(files fs.FS, names ...string) Template {
	return sync.OnceValue(func() *template.Template {
		return template.Must(template.Must(layout().Clone()).ParseFS(files, names...))
	})
}

// With returns the template with more definitions of other files.
func (t Template) With(files fs.FS, names ...string) Template {
	return sync.OnceValue(func() *template.Template {
		return template.Must(template.Must(t().Clone()).ParseFS(files, names...))
	})
}

var (
	errorPage  = NewTemplate(templates, "error.html")
	signInPage = NewTemplate(templates, "signin.html")
)

// functions can be called in all templates.
var functions = template.FuncMap{
	"text": Text, "navtext": func(id string) string { return Text("nav." + id) },
	"ruletext":   func(id string) string { return Text("rule." + id) },
	"columntext": func(id string) string { return Text("column." + id) },
	"icon":       icon, "asset": assetPath, "when": when, "date": date, "plural": backend.Plural,
	"shown": readable, "where": Where, "exact": exact, "any": func() string {
		return backend.AnyEnvironment
	},
	"add": func(a, b int) int { return a + b }, "minus": func(a int) int { return -a }, "deref": func(n *int) int {
		if n == nil {
			return 0
		}
		return *n
	},
	"dict": func(pairs ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			out[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		return out
	},
}

// exact returns a text for an element whose white space matters, such as pre and textarea. Browsers drop a newline
// after the start tag, and read CR as a newline.
func exact(text any) template.HTML {
	return template.HTML("\n" + strings.ReplaceAll(template.HTMLEscapeString(fmt.Sprint(text)), "\r", "&#13;"))
}

// when returns a time in words that need no zone: "3 minutes ago".
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	age := time.Since(t)
	future := age < 0
	if future {
		age = -age
	}
	var text string
	switch {
	case age < time.Minute:
		return Text("time.now")
	case age < time.Hour:
		text = backend.Plural(int(age/time.Minute), "minute")
	case age < 48*time.Hour:
		text = backend.Plural(int(age/time.Hour), "hour")
	case age < 60*24*time.Hour:
		text = backend.Plural(int(age/(24*time.Hour)), "day")
	default:
		text = backend.Plural(int(age/(30*24*time.Hour)), "month")
	}
	if future {
		return Text("time.in", text)
	}
	return Text("time.ago", text)
}

// date returns a time as the attribute datetime of HTML has it, in UTC.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// Render answers with a page.
func (q *Request) Render(t Template, p Page) error {
	q.draw(t, "layout", p)
	return nil
}

// RenderStatus answers with a page and a status.
func (q *Request) RenderStatus(status int, t Template, p Page) error {
	q.W.WriteHeader(status)
	return q.Render(t, p)
}

// RenderPart answers with a part of a page.
func (q *Request) RenderPart(t Template, name string, p Page) error {
	q.draw(t, name, p)
	return nil
}

func (q *Request) draw(t Template, name string, p Page) {
	v := view{Page: p, Principal: q.Principal, Version: q.Version, Path: q.R.URL.Path, q: q}
	if name == "layout" && q.Session != nil && q.Session.Done != "" && q.R.Method == http.MethodGet {
		v.Done = Text("done." + q.Session.Done)
		q.noteDone("")
	}
	q.W.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := t().ExecuteTemplate(q.W, name, v); err != nil {
		// The text of the error can hold what the template was given.
		q.Log.Error("drawing a page", "path", q.R.Pattern, "type", fmt.Sprintf("%T", err))
	}
}

// assetFile is a file that browsers keep. Its path has its hash, so that a new release is loaded at once.
type assetFile struct {
	hash, kind string
	plain, zip []byte
}

var assets = sync.OnceValue(func() map[string]assetFile {
	kinds := map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
		"svg": "image/svg+xml"}
	out := map[string]assetFile{}
	files, _ := static.ReadDir("static")
	for _, f := range files {
		_, extension, _ := strings.Cut(f.Name(), ".")
		extension = extension[strings.LastIndex(extension, ".")+1:]
		plain, err := static.ReadFile("static/" + f.Name())
		if err != nil || kinds[extension] == "" {
			continue
		}
		var zip bytes.Buffer
		z, _ := gzip.NewWriterLevel(&zip, gzip.BestCompression)
		_, _ = z.Write(plain)
		_ = z.Close()
		hash := sha256.Sum256(plain)
		out[f.Name()] = assetFile{hex.EncodeToString(hash[:8]), kinds[extension], plain, zip.Bytes()}
	}
	return out
})

// assetPath returns the path of a file for browsers.
func assetPath(name string) string { return Root + "static/" + assets()[name].hash + "/" + name }

func (s *Site) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := assets()[r.PathValue("file")]
	if !ok || a.hash != r.PathValue("hash") {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Vary", "Accept-Encoding")
	body := a.plain
	if acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		body = a.zip
	}
	_, _ = w.Write(body)
}

// readable escapes what a text of people should not have, such as characters that reverse the text around it. It takes
// any type of string.
func readable(text any) string { return backend.EscapeControls(fmt.Sprint(text)) }
