// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// messageCollector collects the messages of one folder.
type messageCollector struct {
	t         *testing.T
	folder    string
	fset      *token.FileSet
	files     map[string]*ast.File
	constants map[string]ast.Expr
	used      map[string]bool     // the keys of messageFuncs that occurred
	structs   map[string][]string // the fields of each struct
	parts     messageParts
	variables map[string]bool // of the visited function that are in its messages
}

func newMessageCollector(t *testing.T, folder string, paths []string, used map[string]bool) *messageCollector {
	t.Helper()
	c := &messageCollector{
		t: t, folder: folder, fset: token.NewFileSet(), files: map[string]*ast.File{}, constants: map[string]ast.Expr{},
		used: used, structs: map[string][]string{},
	}
	for _, path := range paths {
		file, err := parser.ParseFile(c.fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		c.files[path] = file
		addStructs(c.structs, file)
		for _, d := range file.Decls {
			addConstants(c.constants, d)
		}
	}
	c.findParts()
	return c
}

func addConstants(constants map[string]ast.Expr, n ast.Node) {
	d, ok := n.(*ast.GenDecl)
	if !ok || d.Tok != token.CONST {
		return
	}
	for _, s := range d.Specs {
		spec := s.(*ast.ValueSpec)
		for i := range min(len(spec.Names), len(spec.Values)) {
			constants[spec.Names[i].Name] = spec.Values[i]
		}
	}
}

// addVariables adds variables that are defined with a text, to follow them to the call that takes them.
func addVariables(constants map[string]ast.Expr, n ast.Node) {
	a, ok := n.(*ast.AssignStmt)
	if !ok || a.Tok != token.DEFINE || len(a.Lhs) != 1 || len(a.Rhs) != 1 {
		return
	}
	switch e := a.Rhs[0].(type) {
	case *ast.BinaryExpr, *ast.BasicLit:
		constants[lastName(a.Lhs[0])] = e
	case *ast.CallExpr:
		if slices.Contains(passThrough, lastName(e.Fun)) {
			constants[lastName(a.Lhs[0])] = e
		}
	}
}

// collect returns the messages of a file in the order of their positions.
func (c *messageCollector) collect(file *ast.File) []string {
	v := &messageVisitor{messageCollector: c}
	v.visit(file)
	slices.SortStableFunc(v.messages, func(a, b positionedMessage) int { return int(a.pos - b.pos) })
	var out []string
	for _, m := range v.messages {
		out = append(out, m.text)
	}
	return out
}

// messageVisitor collects the messages of one file.
type messageVisitor struct {
	*messageCollector
	messages  []positionedMessage
	enclosing []function // the functions around the visited node, the innermost last
}

type positionedMessage struct {
	pos  token.Pos
	text string
}

type function struct {
	name      string
	signature *ast.FuncType
}

func (v *messageVisitor) visit(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			v.visitFunction(n)
			return false
		case *ast.ReturnStmt:
			v.visitReturn(n)
		case *ast.AssignStmt:
			return v.visitAssignment(n)
		case *ast.ValueSpec:
			v.visitTable(n)
		case *ast.KeyValueExpr:
			if textType, ok := v.fieldType(lastName(n.Key)); ok {
				v.add(textType, n.Value)
			}
		case *ast.CompositeLit:
			for _, f := range v.textFields(n) {
				v.add(f.textType, f.value)
			}
		case *ast.CallExpr:
			v.addPartsOfCall(n)
			for _, arg := range v.textArgs(n) {
				if arg.index < len(n.Args) {
					v.requireListed(n, n.Args[arg.index])
					v.add(arg.textType, n.Args[arg.index])
				}
			}
		}
		return true
	})
}

func (v *messageVisitor) add(textType string, e ast.Expr) {
	text, hasText := v.render(e)
	if hasText && strings.TrimSpace(text) != "" {
		text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n          ")
		v.messages = append(v.messages, positionedMessage{e.Pos(), fmt.Sprintf("  %-8s%s", textType, text)})
	}
}

// visitFunction visits the body of a function. Its constants and variables are known in it only.
func (v *messageVisitor) visitFunction(f *ast.FuncDecl) {
	if f.Body == nil {
		return
	}
	packageConstants := v.constants
	v.constants = maps.Clone(packageConstants)
	ast.Inspect(f.Body, func(n ast.Node) bool {
		addConstants(v.constants, n)
		addVariables(v.constants, n)
		return true
	})
	v.variables = v.variablesOf(f.Body)
	v.visitBody(f.Name.Name, f.Type, f.Body)
	v.constants, v.variables = packageConstants, nil
}

func (v *messageVisitor) visitBody(name string, signature *ast.FuncType, body *ast.BlockStmt) {
	v.enclosing = append(v.enclosing, function{name, signature})
	v.visit(body)
	v.enclosing = v.enclosing[:len(v.enclosing)-1]
}

func (v *messageVisitor) visitReturn(n *ast.ReturnStmt) {
	if len(v.enclosing) == 0 {
		return
	}
	name := v.folder + "." + v.enclosing[len(v.enclosing)-1].name
	for i, textType := range messageReturns[name] {
		if i < len(n.Results) {
			v.used[name] = true
			v.add(textType, n.Results[i])
		}
	}
	if len(messageReturns[name]) == 0 && v.parts.results[v.enclosing[len(v.enclosing)-1].name] {
		for _, e := range n.Results {
			v.addPart(e)
		}
	}
}

// visitAssignment reports whether the caller must visit the parts of the assignment.
func (v *messageVisitor) visitAssignment(n *ast.AssignStmt) bool {
	for i := range min(len(n.Lhs), len(n.Rhs)) {
		name := lastName(n.Lhs[i])
		if f, ok := n.Rhs[i].(*ast.FuncLit); ok { // a function with a name
			v.visitBody(name, f.Type, f.Body)
			return false
		}
		if textType, ok := v.fieldType(name); ok {
			v.add(textType, n.Rhs[i])
		}
	}
	v.addPartsOfVariable(n)
	return true
}

// visitTable adds the values of a map of texts.
func (v *messageVisitor) visitTable(n *ast.ValueSpec) {
	for i := range min(len(n.Names), len(n.Values)) {
		textType, ok := v.fieldType(n.Names[i].Name)
		table, isTable := n.Values[i].(*ast.CompositeLit)
		if !ok || !isTable {
			continue
		}
		for _, e := range table.Elts {
			v.add(textType, e.(*ast.KeyValueExpr).Value)
		}
	}
}

// fieldType returns the type of the text in a field or variable, and reports whether it holds a text.
func (c *messageCollector) fieldType(name string) (string, bool) {
	if textType, ok := messageFields[c.folder+"."+name]; ok {
		return textType, true
	}
	textType, ok := messageFields[name]
	return textType, ok
}

// textArgs returns which arguments of a call are texts.
func (c *messageCollector) textArgs(call *ast.CallExpr) []textArg {
	name := lastName(call.Fun)
	keys := []string{c.folder + "." + name, name}
	if s, ok := call.Fun.(*ast.SelectorExpr); ok {
		keys = append([]string{lastName(s.X) + "." + name}, keys...)
	}
	for _, key := range keys {
		if args, ok := messageFuncs[key]; ok {
			c.used[key] = true
			return args
		}
	}
	return nil
}

// requireListed reports a function that passes one of its parameters as a text and is not in messageFuncs.
func (v *messageVisitor) requireListed(call *ast.CallExpr, text ast.Expr) {
	parameter, ok := text.(*ast.Ident)
	if !ok {
		return
	}
	for _, f := range slices.Backward(v.enclosing) {
		index := parameterIndex(f.signature, parameter.Name)
		if index < 0 {
			continue
		}
		isText := func(a textArg) bool { return a.index == index }
		name := v.folder + "." + f.name
		if !slices.ContainsFunc(messageFuncs[name], isText) && !slices.ContainsFunc(messageFuncs[f.name], isText) {
			v.t.Errorf("%s: %s passes its parameter %s to %s as a text: add %q to messageFuncs, with argument %d",
				v.fset.Position(call.Pos()), f.name, parameter.Name, lastName(call.Fun), name, index)
		}
		return
	}
}

// parameterIndex returns the index of a parameter, or -1.
func parameterIndex(signature *ast.FuncType, name string) int {
	i := 0
	for _, field := range signature.Params.List {
		for _, n := range field.Names {
			if n.Name == name {
				return i
			}
			i++
		}
	}
	return -1
}

// render returns the text of an expression, with computed parts in braces, and reports whether it has a constant part.
func (c *messageCollector) render(e ast.Expr) (text string, hasText bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return s, true
		}
		return e.Value, false
	case *ast.ParenExpr:
		return c.render(e.X)
	case *ast.BinaryExpr:
		x, inX := c.render(e.X)
		y, inY := c.render(e.Y)
		return x + y, inX || inY
	case *ast.Ident:
		if value, ok := c.constants[e.Name]; ok {
			delete(c.constants, e.Name) // a variable may be defined with itself
			defer func() { c.constants[e.Name] = value }()
			if text, hasText := c.render(value); hasText {
				return text, true
			}
		}
	case *ast.CallExpr:
		if slices.Contains(passThrough, lastName(e.Fun)) && len(e.Args) > 0 {
			return c.render(e.Args[0])
		}
	}
	return "{" + c.source(e) + "}", false
}

// source returns a short form of an expression: names without arguments.
func (c *messageCollector) source(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return c.source(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			return c.source(e.Args[0])
		}
		return c.source(e.Fun)
	case *ast.IndexExpr:
		return c.source(e.X)
	case *ast.StarExpr:
		return c.source(e.X)
	}
	return "…"
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
