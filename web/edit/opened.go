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

// Was returns the text of the hidden field of the form.
func (f form) Was() (string, error) {
	was := openedFrom(f.Entry)
	if f.Opened != nil {
		was = *f.Opened
	}
	text, err := json.Marshal(was)
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
		if *x.typed == x.was || *x.typed == strings.ReplaceAll(x.was, "\r", "\n") {
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

// changedSince names the attributes in which the entry differs from what the form showed.
func changedSince(was opened, o backend.Object) string {
	now := openedFrom(o)
	var names []string
	for _, x := range []struct {
		text    string
		changed bool
	}{
		{"field.key", was.Name != now.Name}, {"field.type", was.Type != now.Type},
		{"field.description", was.Description != now.Description}, {"field.visibility", was.Visibility != now.Visibility},
		{"field.expires", was.Expires != now.Expires}, {"field.rotation", was.Rotation != now.Rotation},
		{"field.labels", was.Labels != now.Labels},
		{"field.protected", was.Protected != now.Protected}, {"field.value", was.Content != now.Content},
	} {
		if x.changed {
			names = append(names, site.Text(x.text))
		}
	}
	return strings.Join(names, ", ")
}
