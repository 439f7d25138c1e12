// SPDX-License-Identifier: MPL-2.0

package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

// Of a workflow command of GitHub Actions, the text and the properties.
var (
	commandText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// github writes workflow commands of GitHub Actions, which become annotations.
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
		fmt.Fprintf(&b, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", command, commandProperty.Replace(f.File), f.Line, f.Column,
			commandProperty.Replace(f.Rule+" "+f.Name), commandText.Replace(message))
	}
	b.WriteString(line(summary(r)) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// The part of JUnit's XML that continuous integration reads.
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

// junit makes a test of every finding, which fails if the finding fails the
// check, and one that passes where there is none: an empty file is an error to
// many who read it.
func junit(w io.Writer, r *review.Report, o Options) error {
	all := junitSuites{Name: "pouncet"}
	for _, f := range r.Findings {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != line(f.File) {
			all.Suites = append(all.Suites, junitSuite{Name: line(f.File)})
		}
		suite := &all.Suites[len(all.Suites)-1]
		c := junitCase{Name: fmt.Sprintf("%s %s %d:%d", f.Rule, f.Name, f.Line, f.Column), Class: line(f.File)}
		message := line(sentence(f))
		if fails(f, o) {
			c.Failure = &junitFailure{string(f.Severity), message, fmt.Sprintf("%s:%d:%d: %s", line(f.File), f.Line, f.Column, line(f.Reference))}
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
		all.Tests, all.Suites = 1, []junitSuite{{Name: "pouncet", Tests: 1, Cases: []junitCase{{Name: "no findings", Class: "pouncet"}}}}
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}
