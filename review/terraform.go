// SPDX-License-Identifier: MPL-2.0

package review

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// isTerraformFile reports whether a file holds Terraform configuration. OpenTofu reads .tofu as well.
func isTerraformFile(name string) bool {
	ext := path.Ext(name)
	return ext == ".tf" || ext == ".tofu"
}

// AreTerraform reports whether all files are Terraform files. Without files they are not.
func AreTerraform(files []string) bool {
	other := func(name string) bool { return !isTerraformFile(name) }
	return len(files) > 0 && !slices.ContainsFunc(files, other)
}

// terraformFile holds the blocks of a Terraform file: what they refer to, and the arguments that name objects.
type terraformFile struct {
	blocks     []terraformBlock
	references references // of the blocks and local values, by their address in the module
}

// terraformBlock is a block of this provider: a resource, a data source or an ephemeral resource.
type terraformBlock struct {
	mode, blockType string
	address         string   // as in an expression
	provider        string   // the text of its argument "provider"
	keys            []string // the indexes of its instances; nil if for_each is not literal
	arguments       map[string][]terraformArgument
}

// terraformArgument is the value of an argument for one key of for_each.
type terraformArgument struct {
	position scan.Position
	key      string // the key of for_each that the value comes from, as an index; "" if the value has no such key
	literal  bool   // value is the whole value, and it depends on no other block
	value    string
	text     string // of the expression, if it is not literal and has the same value wherever it is in the module
}

const (
	maxTerraformFile  = 256 << 10
	maxTerraformDepth = 1000
)

// parseTerraform parses a Terraform file. It returns nil if the file is not valid, which Terraform itself reports, or
// is larger or has deeper nesting than a person writes.
func parseTerraform(f scan.File) *terraformFile {
	if len(f.Data) > maxTerraformFile || isDeep(f.Data) {
		return nil
	}
	file, diagnostics := hclsyntax.ParseConfig(f.Data, f.Name, hcl.InitialPos)
	if diagnostics.HasErrors() {
		return nil
	}
	t := &terraformFile{references: references{}}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		t.add(b, f.Data)
	}
	return t
}

// isDeep reports whether the nesting of a file is deeper than maxTerraformDepth. The parser calls itself for each
// bracket, template, unary operator and condition, so a hostile file could use up its stack.
func isDeep(data []byte) bool {
	type level struct {
		opening   hclsyntax.TokenType
		operators int // they may nest
	}
	levels := []level{{opening: hclsyntax.TokenOBrace}}
	depth := 0
	tokens, _ := hclsyntax.LexConfig(data, "", hcl.InitialPos)
	for _, t := range tokens {
		top := &levels[len(levels)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if t.Type == hclsyntax.TokenTemplateControl {
				top.operators++ // up to the end of the template, because %{ if } can nest
				depth++
			}
			levels = append(levels, level{opening: t.Type})
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(levels) > 1 {
				depth -= top.operators + 1
				levels = levels[:len(levels)-1]
			}
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			top.operators++
			depth++
		case hclsyntax.TokenComma, hclsyntax.TokenNewline:
			// A new line ends an argument. Inside other brackets than a block's, the expression goes on.
			if t.Type == hclsyntax.TokenComma || top.opening == hclsyntax.TokenOBrace {
				depth -= top.operators
				top.operators = 0
			}
		}
		if depth > maxTerraformDepth {
			return true
		}
	}
	return false
}

// add adds a block at the top level of a file.
func (t *terraformFile) add(b *hclsyntax.Block, data []byte) {
	label := func(i int) string {
		if i < len(b.Labels) {
			return b.Labels[i]
		}
		return ""
	}
	refer := func(node string, n hclsyntax.Node) {
		t.references[node] = append(t.references[node], referencedNodes(n)...)
	}
	mode, prefix := "", ""
	switch b.Type {
	case "locals":
		for name, a := range b.Body.Attributes {
			refer("local."+name, a.Expr)
		}
		return
	case "module":
		refer("module."+label(0), b.Body)
		return
	case "provider":
		node := "provider " + label(0)
		if alias, ok := literalString(b.Body.Attributes["alias"]); ok {
			node += "." + alias
		}
		refer(node, b.Body)
		return
	case "resource":
		mode = "managed"
	case "data", "ephemeral":
		mode, prefix = b.Type, b.Type+"."
	default:
		return
	}
	own := terraformBlock{mode: mode, blockType: label(0), address: prefix + label(0) + "." + label(1)}
	own.provider, _, _ = strings.Cut(own.blockType, "_")
	if a := b.Body.Attributes["provider"]; a != nil {
		own.provider = string(a.Expr.Range().SliceBytes(data))
	}
	refer(own.address, b.Body)
	t.references[own.address] = append(t.references[own.address], "provider "+own.provider)
	if strings.HasPrefix(own.blockType, "pouncet_") {
		own.read(b.Body, data)
		t.blocks = append(t.blocks, own)
	}
}

// read reads the arguments that say which object a block declares, and which others it names.
func (b *terraformBlock) read(body *hclsyntax.Body, data []byte) {
	keys := forEachValues(body.Attributes["for_each"])
	switch {
	case body.Attributes["count"] != nil:
		b.keys = []string{"[0]"}
	case body.Attributes["for_each"] == nil:
		b.keys = []string{""}
	}
	for _, each := range keys {
		b.keys = append(b.keys, indexOf(each))
	}
	b.arguments = map[string][]terraformArgument{}
	paths := []string{"name", "key", "project", "environment", "scope"}
	for _, a := range nameArguments[b.mode+" "+b.blockType] {
		if !slices.Contains(paths, a.path) {
			paths = append(paths, a.path)
		}
	}
	for _, path := range paths {
		first, rest, _ := strings.Cut(path, ".")
		if a := body.Attributes[first]; a != nil {
			for _, e := range nested(a.Expr, rest) {
				b.arguments[path] = append(b.arguments[path], argumentValues(e, keys, data)...)
			}
		}
	}
}

// nested returns the expressions at a path in literal objects and lists. "*" in the path is any key or index.
func nested(e hclsyntax.Expression, path string) []hclsyntax.Expression {
	if path == "" {
		return []hclsyntax.Expression{e}
	}
	first, rest, _ := strings.Cut(path, ".")
	var out []hclsyntax.Expression
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		for _, item := range e.Exprs {
			out = append(out, nested(item, rest)...)
		}
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			if key, ok := stringOf(item.KeyExpr, nil); first == "*" || ok && key == first {
				out = append(out, nested(item.ValueExpr, rest)...)
			}
		}
	}
	return out
}

// argumentValues returns the values of an expression: one or, if it depends on the key of for_each, one for each key.
func argumentValues(e hclsyntax.Expression, keys []cty.Value, data []byte) []terraformArgument {
	at := e.Range()
	a := terraformArgument{
		position: scan.Position{File: at.Filename, Line: at.Start.Line, Column: at.Start.Column},
	}
	if value, ok := stringOf(e, nil); ok {
		a.literal, a.value = true, value
		return []terraformArgument{a}
	}
	perInstance := slices.ContainsFunc(e.Variables(), func(t hcl.Traversal) bool {
		return slices.Contains([]string{"each", "count", "self"}, t.RootName())
	})
	if !perInstance {
		a.text = string(e.Range().SliceBytes(data))
		return []terraformArgument{a}
	}
	var out []terraformArgument
	for _, each := range keys {
		k := a
		if k.value, k.literal = stringOf(e, &hcl.EvalContext{Variables: map[string]cty.Value{"each": each}}); k.literal {
			k.key = indexOf(each)
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return []terraformArgument{a}
	}
	return out
}

// forEachValues returns the values of "each", if for_each is a literal map or a set of literal strings.
func forEachValues(a *hclsyntax.Attribute) []cty.Value {
	if a == nil {
		return nil
	}
	e := a.Expr
	call, isSet := e.(*hclsyntax.FunctionCallExpr)
	if isSet {
		if call.Name != "toset" || len(call.Args) != 1 {
			return nil
		}
		e = call.Args[0]
	}
	collection, diagnostics := e.Value(nil)
	if diagnostics.HasErrors() || !collection.CanIterateElements() || collection.Type().IsTupleType() != isSet {
		return nil
	}
	var out []cty.Value
	for i := collection.ElementIterator(); i.Next(); {
		key, value := i.Element()
		if isSet {
			key = value
		}
		if key.Type() != cty.String || key.IsNull() {
			return nil
		}
		out = append(out, cty.ObjectVal(map[string]cty.Value{"key": key, "value": value}))
	}
	return out
}

// indexOf returns the index of an instance, as in its address.
func indexOf(each cty.Value) string { return "[" + strconv.Quote(each.GetAttr("key").AsString()) + "]" }

// stringOf returns the value of an expression that needs only the variables of ctx.
func stringOf(e hclsyntax.Expression, ctx *hcl.EvalContext) (string, bool) {
	v, diagnostics := e.Value(ctx)
	if diagnostics.HasErrors() || v.Type() != cty.String || !v.IsKnown() || v.IsNull() {
		return "", false
	}
	return v.AsString(), true
}

func literalString(a *hclsyntax.Attribute) (string, bool) {
	if a == nil {
		return "", false
	}
	return stringOf(a.Expr, nil)
}

// referencedNodes returns the addresses of the blocks and local values that the expressions of a node refer to.
func referencedNodes(n hclsyntax.Node) []string {
	var out []string
	_ = hclsyntax.VisitAll(n, func(n hclsyntax.Node) hcl.Diagnostics {
		if e, ok := n.(*hclsyntax.ScopeTraversalExpr); ok {
			out = append(out, nodeOf(e.Traversal))
		}
		return nil
	})
	return out
}

// nodeOf returns the address that a traversal refers to, without keys and attributes.
func nodeOf(t hcl.Traversal) string {
	names := []string{t.RootName()}
	for _, step := range t[1:] {
		attribute, ok := step.(hcl.TraverseAttr)
		if !ok {
			break
		}
		names = append(names, attribute.Name)
	}
	length := 2
	if names[0] == "data" || names[0] == "ephemeral" {
		length = 3
	}
	return strings.Join(names[:min(length, len(names))], ".")
}
