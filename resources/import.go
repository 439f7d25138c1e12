// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// The forms of an import id, besides the id of the object.
const (
	memberForm = "[project/]name"
	entryForm  = "[project/]environment/[app/<name>/|pipeline/<name>/]name"
)

// importObject imports the object with an id. The id is the one of the object, or a name that parse turns into a query.
func (o *objectResource) importObject(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
	parse func(importID string) (backend.Query, error),
) {
	action := "Importing the " + o.kind.String()
	importID := req.ID
	if importID == "" && req.Identity != nil {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("id"), &importID)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	q := backend.Query{ID: importID}
	if !backend.IsID(importID) {
		var err error
		if q, err = parse(importID); err != nil {
			session.Report(&resp.Diagnostics, action, err, nil)
			return
		}
	}
	q.Kind = o.kind
	page, err := o.session.Service.Query(ctx, q)
	if err == nil && len(page.Objects) != 1 {
		err = backend.Errorf(backend.CodeNotFound, "%s %s does not exist", o.kind, backend.Quote(importID)).
			WithHint("list the existing ones: pouncet %s list", commands[o.kind])
	}
	if err != nil {
		session.Report(&resp.Diagnostics, action, err, nil)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), page.Objects[0].ID)...)
	setIdentity(ctx, resp.Identity, page.Objects[0].ID, &resp.Diagnostics)
}

// commands are the commands of the command line for each kind.
var commands = map[backend.Kind]string{
	backend.KindProject: "project", backend.KindEnvironment: "env", backend.KindSecretType: "type",
	backend.KindSecret: "secret", backend.KindScopedValue: "value",
}

// memberQuery parses the import id of an environment or a secret type.
func (o *objectResource) memberQuery(importID string) (backend.Query, error) {
	switch parts := strings.Split(importID, "/"); len(parts) {
	case 1:
		return backend.Query{Project: o.session.Project, Name: parts[0]}, nil
	case 2:
		return backend.Query{Project: parts[0], Name: parts[1]}, nil
	}
	return backend.Query{}, importIDError(importID, memberForm)
}

// entryQuery parses the import id of a secret or a scoped value.
func (o *objectResource) entryQuery(importID string) (backend.Query, error) {
	parts := strings.Split(importID, "/")
	q := backend.Query{Project: o.session.Project, Scope: backend.ProjectScope}
	n := len(parts)
	if n >= 4 && (parts[n-3] == "app" || parts[n-3] == "pipeline") {
		q.Scope = parts[n-3] + "/" + parts[n-2]
		parts = append(parts[:n-3:n-3], parts[n-1])
	}
	switch len(parts) {
	case 2:
		q.Environment, q.Name = parts[0], parts[1]
	case 3:
		q.Project, q.Environment, q.Name = parts[0], parts[1], parts[2]
	default:
		return q, importIDError(importID, entryForm)
	}
	return q, nil
}

// entryImportID returns the import id of the object that a change creates.
func entryImportID(c backend.Change) string {
	id := c.Name
	if c.Scope != "" && c.Scope != backend.ProjectScope {
		id = c.Scope + "/" + id
	}
	if c.Environment != "" {
		id = c.Environment + "/" + id
	}
	if c.Project != "" {
		id = c.Project + "/" + id
	}
	return id
}

func importIDError(importID, form string) error {
	return backend.Errorf(backend.CodeInvalid, "%s is not a valid import id", backend.Quote(importID)).
		WithHint("use the id of the object, or the form %s", form)
}
