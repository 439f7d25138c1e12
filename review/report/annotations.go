// SPDX-License-Identifier: MPL-2.0

package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// These escape the text and the properties of a workflow command of GitHub Actions.
var (
	commandText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// github writes workflow commands of GitHub Actions. GitHub shows them as annotations.
func github(w io.Writer, r *review.Report, _ Options) error {
	var b strings.Builder
	for _, f := range r.Findings {
		command := string(f.Severity)
		if f.Severity == review.Note {
			command = "notice"
		}
		message := sentence(f)
		if f.Reference != "" {
			message = f.Reference + ": " + message
		}
		fmt.Fprintf(&b, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", command,
			commandProperty.Replace(backend.Printable(f.File)), f.Line, f.Column,
			commandProperty.Replace(f.Rule+" "+f.Name), commandText.Replace(backend.Printable(message)))
	}
	b.WriteString(backend.PrintableLine(summary(r)) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// The part of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit writes every finding as a test case. The test case fails if the finding fails the check. Without findings it
// writes one passing test case, because many CI systems report a file without test cases as an error.
func junit(w io.Writer, r *review.Report, o Options) error {
	all := junitSuites{Name: "pouncet"}
	for _, f := range r.Findings {
		file := backend.PrintableLine(f.File)
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != file {
			all.Suites = append(all.Suites, junitSuite{Name: file})
		}
		suite := &all.Suites[len(all.Suites)-1]
		c := junitCase{Name: fmt.Sprintf("%s %s %d:%d", f.Rule, f.Name, f.Line, f.Column), Class: file}
		message := backend.PrintableLine(sentence(f))
		if fails(f, o) {
			c.Failure = &junitFailure{
				string(f.Severity), message,
				fmt.Sprintf("%s:%d:%d: %s", file, f.Line, f.Column, backend.PrintableLine(f.Reference)),
			}
			suite.Failures++
			all.Failures++
		} else {
			c.Out = string(f.Severity) + ": " + message
		}
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		all.Tests++
	}
	if len(all.Suites) == 0 {
		passing := junitCase{Name: "no findings", Class: "pouncet"}
		all.Tests, all.Suites = 1, []junitSuite{{Name: "pouncet", Tests: 1, Cases: []junitCase{passing}}}
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}
