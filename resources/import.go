// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

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
	q, err := o.importQuery(ctx, req, parse, &resp.Diagnostics)
	var object backend.Object
	if err == nil && !resp.Diagnostics.HasError() {
		object, err = o.importedObject(ctx, q, cmp.Or(req.ID, q.ID))
	}
	isEntry := o.kind == backend.KindSecret || o.kind == backend.KindScopedValue
	if form := completeEntryID(strings.Split(req.ID, "/")); errors.Is(err, backend.ErrNotFound) && isEntry && form != "" {
		e := *backend.AsError(err)
		err = e.WithHint("if you mean a scope, the import id has the form %s", form)
	}
	if err != nil {
		session.Report(&resp.Diagnostics, "Importing the "+o.kind.String(), err, nil)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), object.ID)...)
	setIdentity(ctx, resp.Identity, object.ID, &resp.Diagnostics)
}

// importQuery returns the query for the object to import. It never selects more than an object's id or place.
func (o *objectResource) importQuery(
	ctx context.Context, req resource.ImportStateRequest, parse func(importID string) (backend.Query, error),
	diags *diag.Diagnostics,
) (backend.Query, error) {
	if req.ID == "" && req.Identity != nil && !req.Identity.Raw.IsNull() {
		var id types.String
		diags.Append(req.Identity.GetAttribute(ctx, path.Root("id"), &id)...)
		if !diags.HasError() && !backend.IsID(id.ValueString()) {
			return backend.Query{}, backend.Errorf(backend.CodeInvalid, "the id of the identity is %s, which is not valid",
				backend.Quote(id.ValueString())).
				WithHint("use the id of an existing %s, or import it by name with the argument id", o.kind)
		}
		return o.idQuery(id.ValueString()), nil
	}
	if backend.IsID(req.ID) {
		return o.idQuery(req.ID), nil
	}
	return parse(req.ID)
}

// idQuery returns the query for an object by its id. The project does not restrict the query. It says which objects
// the snapshot fetches together, because the objects of a list are imported together.
func (o *objectResource) idQuery(id string) backend.Query {
	q := backend.Query{ID: id}
	if o.kind.InProject() {
		q.Project = o.session.Project
	}
	return q
}

// importedObject returns the only object that matches a query. Its errors name what the configuration has given.
func (o *objectResource) importedObject(ctx context.Context, q backend.Query, given string) (backend.Object, error) {
	if err := o.session.CheckImport(); err != nil {
		return backend.Object{}, err
	}
	q.Kind = o.kind
	page, err := o.session.Service.Query(ctx, q)
	switch {
	case err != nil:
		return backend.Object{}, err
	case len(page.Objects) == 0:
		return backend.Object{}, backend.Errorf(backend.CodeNotFound, "%s %s does not exist", o.kind,
			backend.Quote(given)).
			WithHint("list the existing ones: pouncet %s list", o.kind.Command())
	case len(page.Objects) > 1:
		ids := make([]string, len(page.Objects))
		for i, x := range page.Objects {
			ids[i] = x.ID
		}
		return backend.Object{}, backend.Errorf(backend.CodeConflict, "%s %s exists %d times: %s", o.kind,
			backend.Quote(given), len(ids), backend.Enumerate(ids)).
			WithHint("import it by its id")
	}
	return page.Objects[0], nil
}

// projectQuery parses the import id of a project.
func (o *objectResource) projectQuery(importID string) (backend.Query, error) {
	q := backend.Query{Name: importID}
	return q, checkImportID(importID, "name", part{"name", importID})
}

// memberQuery parses the import id of an environment or a secret type.
func (o *objectResource) memberQuery(importID string) (backend.Query, error) {
	q := backend.Query{Project: o.session.Project}
	switch parts := strings.Split(importID, "/"); len(parts) {
	case 1:
		q.Name = parts[0]
	case 2:
		q.Project, q.Name = parts[0], parts[1]
	default:
		return q, importIDError(importID, memberForm)
	}
	return q, checkImportID(importID, memberForm, part{"project", q.Project}, part{"name", q.Name})
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
	if err := checkImportID(importID, entryForm, part{"project", q.Project}, part{"environment", q.Environment},
		part{"name", q.Name}); err != nil {
		return q, err
	}
	if err := backend.CheckScope(q.Scope); err != nil {
		return q, err
	}
	return q, nil
}

// completeEntryID completes an import id that names a scope without an environment before it or a name after it. It
// returns "" for other import ids.
func completeEntryID(parts []string) string {
	i := slices.IndexFunc(parts, func(p string) bool { return p == "app" || p == "pipeline" })
	if i < 0 || slices.Contains(parts, "") || i > 2 || len(parts) > i+3 {
		return ""
	}
	after := parts[i+1:]
	if i > 0 && len(after) == 2 {
		return ""
	}
	before := parts[:i]
	if i == 0 {
		before = []string{"ENVIRONMENT"}
	}
	missing := []string{"SCOPE", "NAME"}
	return strings.Join(slices.Concat(before, parts[i:i+1], after, missing[len(after):]), "/")
}

// part is a part of an import id.
type part struct{ name, value string }

// checkImportID rejects an import id with an empty part, which would match every object.
func checkImportID(importID, form string, parts ...part) error {
	if importID == "" {
		return importIDError(importID, form)
	}
	for _, p := range parts {
		if p.value == "" {
			return backend.Errorf(backend.CodeInvalid, "the %s in the import id %s is empty", p.name,
				backend.Quote(importID)).
				WithHint("use the id of the object, or the form %s", form)
		}
	}
	return nil
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
	e := backend.Errorf(backend.CodeInvalid, "%s is not a valid import id", backend.Quote(importID))
	if importID == "" {
		e = backend.Errorf(backend.CodeInvalid, "the import id is empty")
	}
	return e.WithHint("use the id of the object, or the form %s", form)
}
