// SPDX-License-Identifier: MPL-2.0

package edit

import (
	"encoding/json"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// opened is what a form showed when it was opened. The form sends it back, so that the page knows what the person has
// changed, and what somebody else has changed meanwhile. It has no value of a secret.
type opened struct {
	Name, Type, Description       string
	Visibility, Expires, Rotation string
	Labels                        string
	Protected                     bool
	Content                       content
}

// content is what a scoped value holds.
type content struct{ As, JSON, Secret, Field string }

func openedFrom(o backend.Object) opened {
	return opened{Name: o.Name, Type: o.Type, Description: o.Description, Visibility: string(o.Visibility),
		Expires: dateOf(o.ExpiresAt), Rotation: rotationOf(o), Labels: labelsText(o.Labels), Protected: o.Protected,
		Content: contentOf(o)}
}

func contentOf(o backend.Object) content {
	if o.Link != nil {
		return content{As: asLink, Secret: o.Link.Secret, Field: o.Link.Field}
	}
	return content{As: asJSON, JSON: string(o.JSON)}
}

// began returns what the form showed when it was opened: nothing, for a new entry.
func (f form) began() opened {
	if f.Opened != nil {
		return *f.Opened
	}
	if f.New {
		return opened{}
	}
	return openedFrom(f.Entry)
}

// Was returns the text of the hidden field of the form.
func (f form) Was() (string, error) {
	text, err := json.Marshal(f.began())
	return string(text), err
}

// wasOpened returns what the form showed that is sent. Without the field, the person is taken to have seen the entry as
// it is now.
func (f form) wasOpened(q *site.Request) opened {
	var was opened
	text := strings.ReplaceAll(q.R.PostFormValue("was"), "\r\n", "\n")
	if json.Unmarshal([]byte(text), &was) != nil {
		return openedFrom(f.Entry)
	}
	return was
}

// isSame reports whether a text was left as it was. Browsers send each end of a line as LF here.
func isSame(typed, was string) bool {
	return typed == was || typed == strings.ReplaceAll(was, "\r", "\n")
}

// keepPresent gives the fields that the person did not touch the present attributes of the entry.
func (f *form) keepPresent(was opened) {
	now := openedFrom(f.Entry)
	for _, x := range []struct {
		typed    *string
		was, now string
	}{
		{&f.Name, was.Name, now.Name}, {&f.Type, was.Type, now.Type}, {&f.Description, was.Description, now.Description},
		{&f.Visibility, was.Visibility, now.Visibility}, {&f.Expires, was.Expires, now.Expires},
		{&f.Rotation, was.Rotation, now.Rotation}, {&f.Labels, was.Labels, now.Labels},
	} {
		if isSame(*x.typed, x.was) {
			*x.typed = x.now
		}
	}
	if f.Protected == was.Protected {
		f.Protected = now.Protected
	}
	if (content{f.As, f.JSON, f.LinkSecret, f.LinkField}) == was.Content {
		c := now.Content
		f.As, f.JSON, f.LinkSecret, f.LinkField = c.As, c.JSON, c.Secret, c.Field
	}
}

// conflict says in which attributes the entry differs from what the form showed, and what others have written into
// fields that the person has changed too.
func (f form) conflict(was opened) *site.Conflict {
	now := openedFrom(f.Entry)
	c := &site.Conflict{Is: site.Text("edit.conflict.now", f.Entry.Name, f.Entry.Version), At: f.Entry.UpdatedAt,
		Next: site.Text("edit.conflict.next")}
	if f.Entry.Kind == backend.KindScopedValue {
		c.Is, c.Next = site.Text("edit.conflict.nowvalue", f.Entry.Name), site.Text("edit.conflict.all")
	}
	var names []string
	for _, x := range []struct {
		label           string
		was, now, typed string
	}{
		{"field.key", was.Name, now.Name, f.Name}, {"field.type", was.Type, now.Type, f.Type},
		{"field.description", was.Description, now.Description, f.Description},
		{"field.visibility", was.Visibility, now.Visibility, f.Visibility},
		{"field.expires", was.Expires, now.Expires, f.Expires}, {"field.rotation", was.Rotation, now.Rotation, f.Rotation},
		{"field.labels", was.Labels, now.Labels, f.Labels},
		{"field.protected", yesNo(was.Protected), yesNo(now.Protected), yesNo(f.Protected)},
		{"field.value", was.Content.String(), now.Content.String(),
			content{f.As, f.JSON, f.LinkSecret, f.LinkField}.String()},
	} {
		if x.was == x.now {
			continue
		}
		names = append(names, site.Text(x.label))
		if !isSame(x.typed, x.now) {
			c.Theirs = append(c.Theirs, site.Theirs{Label: site.Text(x.label), Text: x.now})
		}
	}
	c.Changed = strings.Join(names, ", ")
	return c
}

func yesNo(b bool) string {
	if b {
		return site.Text("yes")
	}
	return site.Text("no")
}

// String returns what a scoped value holds, for people.
func (c content) String() string {
	if c.As != asLink {
		return c.JSON
	}
	return strings.TrimSuffix(c.Secret+" · "+c.Field, " · ")
}
