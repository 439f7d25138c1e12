// SPDX-License-Identifier: MPL-2.0

package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// messageParts says which parameters and results of the functions of one folder become parts of messages: a reason that
// an error ends with is an argument of its format, and is written where the function is called.
type messageParts struct {
	parameters map[string]map[int]bool // by functionKey
	results    map[string]bool         // by the name of the function
}

// functionKey tells functions with the same name in one folder apart, as far as a call shows it.
func functionKey(name string, parameters int) string { return name + strings.Repeat(",", parameters) }

// findParts follows parameters from one function to the next, until nothing new is found.
func (c *messageCollector) findParts() {
	c.parts = messageParts{map[string]map[int]bool{}, map[string]bool{}}
	for changed := true; changed; {
		changed = false
		for _, file := range c.files {
			forEachFunction(file, func(f function, body *ast.BlockStmt) {
				for _, e := range c.messageExpressions(body) {
					changed = c.addParts(f, e) || changed
				}
			})
		}
	}
}

// forEachFunction calls do for all functions, and for the function literals that have a name.
func forEachFunction(file *ast.File, do func(f function, body *ast.BlockStmt)) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				do(function{n.Name.Name, n.Type}, n.Body)
			}
		case *ast.AssignStmt:
			if f, ok := n.Rhs[0].(*ast.FuncLit); ok {
				do(function{lastName(n.Lhs[0]), f.Type}, f.Body)
			}
		}
		return true
	})
}

// messageExpressions returns the leaves of all expressions of a body that become a message or a part of one.
func (c *messageCollector) messageExpressions(body *ast.BlockStmt) []ast.Expr {
	var out []ast.Expr
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			for _, i := range c.partArgs(n) {
				out = append(out, leaves(n.Args[i])...)
			}
		case *ast.KeyValueExpr:
			if _, ok := c.fieldType(lastName(n.Key)); ok {
				out = append(out, leaves(n.Value)...)
			}
		case *ast.CompositeLit:
			for _, f := range c.textFields(n) {
				out = append(out, leaves(f.value)...)
			}
		case *ast.AssignStmt:
			for i := range min(len(n.Lhs), len(n.Rhs)) {
				if _, ok := c.fieldType(lastName(n.Lhs[i])); ok {
					out = append(out, leaves(n.Rhs[i])...)
				}
			}
		}
		return true
	})
	return out
}

// textField is a field of a struct without its name.
type textField struct {
	textType string
	value    ast.Expr
}

// textFields returns the texts of a literal of a struct of this folder whose fields have no names.
func (c *messageCollector) textFields(n *ast.CompositeLit) []textField {
	var out []textField
	fields := c.structs[lastName(n.Type)]
	for i := range min(len(fields), len(n.Elts)) {
		textType, ok := c.fieldType(fields[i])
		if _, named := n.Elts[i].(*ast.KeyValueExpr); ok && !named {
			out = append(out, textField{textType, n.Elts[i]})
		}
	}
	return out
}

// addStructs adds the names of the fields of the structs in a file.
func addStructs(structs map[string][]string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				for _, name := range field.Names {
					structs[spec.Name.Name] = append(structs[spec.Name.Name], name.Name)
				}
			}
		}
		return true
	})
}

// partArgs returns the indexes of the arguments of a call that become parts of a message.
func (c *messageCollector) partArgs(call *ast.CallExpr) []int {
	first := len(call.Args)
	for _, a := range c.textArgs(call) {
		first = min(first, a.index)
	}
	parameters := c.parts.parameters[functionKey(lastName(call.Fun), len(call.Args))]
	var out []int
	for i := range call.Args {
		if i >= first || parameters[i] {
			out = append(out, i)
		}
	}
	return out
}

// leaves returns the names, calls and texts that an expression joins.
func leaves(e ast.Expr) []ast.Expr {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return leaves(e.X)
	case *ast.BinaryExpr:
		return append(leaves(e.X), leaves(e.Y)...)
	case *ast.CallExpr:
		if slices.Contains(passThrough, lastName(e.Fun)) {
			var out []ast.Expr
			for _, a := range e.Args {
				out = append(out, leaves(a)...)
			}
			return out
		}
	}
	return []ast.Expr{e}
}

// addParts notes the parameter or the function that a leaf of a message in f names, and reports whether it is new.
func (c *messageCollector) addParts(f function, e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		key, index := functionKey(f.name, f.signature.Params.NumFields()), parameterIndex(f.signature, e.Name)
		if index < 0 || c.parts.parameters[key][index] {
			return false
		}
		if c.parts.parameters[key] == nil {
			c.parts.parameters[key] = map[int]bool{}
		}
		c.parts.parameters[key][index] = true
		return true
	case *ast.CallExpr:
		name := lastName(e.Fun)
		isNew := !c.parts.results[name]
		c.parts.results[name] = true
		return isNew
	}
	return false
}

// addPart adds a text that becomes a part of a message. A single word is a name, and not a part, and neither is a
// condition of SQL.
func (v *messageVisitor) addPart(e ast.Expr) {
	text, hasText := v.render(e)
	if hasText && strings.Contains(strings.TrimSpace(text), " ") && !strings.Contains(text, "$%d") {
		v.add("part", e)
	}
}

// addPartsOfCall adds the parts of messages among the arguments of a call.
func (v *messageVisitor) addPartsOfCall(call *ast.CallExpr) {
	texts := v.textArgs(call)
	for _, i := range v.partArgs(call) {
		isText := func(a textArg) bool { return a.index == i }
		if !slices.ContainsFunc(texts, isText) {
			v.addPart(call.Args[i])
		}
	}
}

// addPartsOfVariable adds the texts that a variable gets after its definition, if a message has the variable in it.
// Where a message has the variable, its first text is shown.
func (v *messageVisitor) addPartsOfVariable(n *ast.AssignStmt) {
	for i := range min(len(n.Lhs), len(n.Rhs)) {
		name, ok := n.Lhs[i].(*ast.Ident)
		if _, shown := v.constants[lastName(n.Lhs[i])]; ok && v.variables[name.Name] && !(shown && n.Tok == token.DEFINE) {
			v.addPart(n.Rhs[i])
		}
	}
}

// variablesOf returns the names of the variables in the messages of a body.
func (c *messageCollector) variablesOf(body *ast.BlockStmt) map[string]bool {
	out := map[string]bool{}
	for _, e := range c.messageExpressions(body) {
		if name, ok := e.(*ast.Ident); ok {
			out[name.Name] = true
		}
	}
	return out
}
