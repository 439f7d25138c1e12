// SPDX-License-Identifier: MPL-2.0

package report

import (
	"io"
	"net/url"
	"path"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// The part of SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format") that this package writes.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		Name             string       `json:"name"`
		ShortDescription sarifMessage `json:"shortDescription"`
		Configuration    sarifConfig  `json:"defaultConfiguration"`
	}
	sarifConfig struct {
		Level review.Severity `json:"level"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        review.Severity   `json:"level"`
		Message      sarifMessage      `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Properties   *sarifProperties  `json:"properties,omitempty"`
	}
	sarifProperties struct {
		Environments []string `json:"environments"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
	}
)

const (
	sarifSchema    = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	informationURI = "https://registry.terraform.io/providers/pouncet/pouncet/latest"
)

// sarif writes SARIF. Its levels have the same names as the severities.
func sarif(w io.Writer, r *review.Report, o Options) error {
	driver := sarifDriver{Name: "pouncet", Version: o.Version, InformationURI: informationURI}
	index := map[string]int{}
	for i, rule := range review.Rules {
		index[rule.ID] = i
		description, config := sarifMessage{rule.Description}, sarifConfig{rule.Severity}
		driver.Rules = append(driver.Rules, sarifRule{rule.ID, rule.Name, description, config})
	}
	run := sarifRun{Tool: sarifTool{driver}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	for _, f := range r.Findings {
		message := sentence(f)
		if f.Reference != "" {
			message = f.Reference + ": " + message
		}
		result := sarifResult{
			RuleID: f.Rule, RuleIndex: index[f.Rule], Level: f.Severity, Message: sarifMessage{backend.PrintableLine(message)},
			Locations:    []sarifLocation{{sarifPhysical{sarifArtifact{uri(f.File)}, sarifRegion{f.Line, f.Column}}}},
			Fingerprints: map[string]string{"pouncet/v1": f.Fingerprint},
		}
		if len(f.Environments) > 0 {
			result.Properties = &sarifProperties{f.Environments}
		}
		run.Results = append(run.Results, result)
	}
	return encode(w, sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

// uri returns the path of a file as a URI reference.
func uri(file string) string {
	u := url.URL{Path: file}
	if path.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}
