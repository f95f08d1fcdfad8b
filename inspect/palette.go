package inspect

import (
	"net/http"
	"strconv"

	"github.com/fatih/color"
)

// palette is the colours of lines, or none.
type palette struct{ good, warn, bad, faint, bold func(...any) string }

// newPalette asks no global of the colour library: the caller has decided.
func newPalette(colour bool) palette {
	paint := func(attributes ...color.Attribute) func(...any) string {
		c := color.New(attributes...)
		if colour {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return c.SprintFunc()
	}
	return palette{
		good: paint(color.FgGreen), warn: paint(color.FgYellow), bad: paint(color.FgRed), faint: paint(color.Faint), bold: paint(color.Bold),
	}
}

func (p *palette) status(n int) string {
	s := strconv.Itoa(n)
	switch {
	case n < http.StatusMultipleChoices:
		return p.good(s)
	case n < http.StatusInternalServerError:
		return p.warn(s)
	}
	return p.bad(s)
}
