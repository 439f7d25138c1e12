// SPDX-License-Identifier: MPL-2.0

package site

import "html/template"

// icons are the paths of icons in a square of 16 units, drawn with lines.
var icons = map[string]string{
	"key": `<circle cx="5" cy="11" r="3"/><path d="M7.2 8.8 13.5 2.5M11 5l2 2M9 7l1.5 1.5"/>`,
	"grid": `<rect x="2" y="2" width="5" height="5"/><rect x="9" y="2" width="5" height="5"/>` +
		`<rect x="2" y="9" width="5" height="5"/><rect x="9" y="9" width="5" height="5"/>`,
	"type": `<path d="M3 3h10M8 3v10M5.5 13h5"/>`,
	"link": `<path d="M6.5 9.5 9.5 6.5M7 4.5l1.5-1.5a2.8 2.8 0 0 1 4 4L11 8.500` +
		`M5 7.500 3.500 9a2.800 2.800 0 0 0 4 4L9 11.500"/>`,
	"draft":  `<path d="M9.500 3.500l3 3L6 13H3v-3zM8 5l3 3"/>`,
	"report": `<path d="M3 13V8M7 13V3M11 13V6M2 14.500h12"/>`,
	"gauge":  `<path d="M2.500 12a6 6 0 1 1 11 0M8 10l3-3.500"/>`,
	"heart":  `<path d="M2 8h3l2-4 2.500 8L11.500 8H14"/>`,
	"token":  `<rect x="2" y="4" width="12" height="8" rx="1.500"/><path d="M5 8h2M9 8h2"/>`,
	"person": `<circle cx="8" cy="5.500" r="2.500"/><path d="M3 13.500c.600-3 2.500-4 5-4s4.400 1 5 4"/>`,
	"people": `<circle cx="6" cy="5.500" r="2.300"/><path d="M1.500 13c.500-2.700 2.200-3.700 4.500-3.700` +
		`s4 1 4.500 3.700M10.500 3.400a2.300 2.300 0 0 1 0 4.200M12 9.700c1.400.500 2.200 1.600 2.500 3.300"/>`,
	"list":   `<path d="M5.500 4H14M5.500 8H14M5.500 12H14M2 4h.500M2 8h.500M2 12h.500"/>`,
	"search": `<circle cx="7" cy="7" r="4.500"/><path d="M10.500 10.500 14 14"/>`,
	"plus":   `<path d="M8 3v10M3 8h10"/>`,
	"edit":   `<path d="M10.500 3l2.500 2.500L6 12.500 3 13l.500-3z"/>`,
	"trash":  `<path d="M3 4.500h10M6 4.500V3h4v1.500M4.500 4.500l.700 9h5.600l.700-9M7 7v4M9 7v4"/>`,
	"eye": `<path d="M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8z"/>` +
		`<circle cx="8" cy="8" r="2"/>`,
	"copy":    `<rect x="5.500" y="5.500" width="8" height="8" rx="1"/><path d="M3 10.500V3.500a1 1 0 0 1 1-1h7"/>`,
	"lock":    `<rect x="3.500" y="7" width="9" height="6.500" rx="1"/><path d="M5.500 7V5a2.500 2.500 0 0 1 5 0v2"/>`,
	"clock":   `<circle cx="8" cy="8" r="5.500"/><path d="M8 5v3l2 1.500"/>`,
	"warning": `<path d="M8 2.500 14.500 13.500h-13zM8 6.500v3.500M8 11.500v.500"/>`,
	"info":    `<circle cx="8" cy="8" r="5.500"/><path d="M8 7.500v3.500M8 5v.500"/>`,
	"check":   `<path d="M3 8.500 6.500 12 13 4.500"/>`,
	"cross":   `<path d="M4 4l8 8M12 4l-8 8"/>`,
	"up":      `<path d="M4 10l4-4 4 4"/>`,
	"down":    `<path d="M4 6l4 4 4-4"/>`,
	"restore": `<path d="M3 8a5 5 0 1 1 1.500 3.600M3 12V8.500h3.500"/>`,
	"exit":    `<path d="M6 3H3v10h3M7 8h6.500M11 5.500 13.500 8 11 10.500"/>`,
	"box": `<path d="M2.500 6.500h11v7h-11zM4 6.500C4 4 6 2.500 8 2.500s4 1.500 4 4M6 9.500h.010` +
		`M8 9.500h.010M10 9.500h.010M7 11.500h.010M9 11.500h.010"/>`,
}

// icon returns an icon beside a text that says the same.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">` + icons[name] +
		`</svg>`)
}
