package powershell

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func splitAny(s, separators string) []string {
	out, start := []string{}, 0
	for i, c := range s {
		if strings.ContainsRune(separators, c) {
			out = append(out, s[start:i])
			start = i + len(string(c))
		}
	}
	return append(out, s[start:])
}

var itemShape = regexp.MustCompile(`\{\{|\}\}|\{(\d+)(?:,(-?\d+))?(?::([^}]*))?\}`)

// format is the -f operator. Microsoft: about_Operators, Format operator.
func format(text string, args []any) (any, error) {
	var failed error
	out := itemShape.ReplaceAllStringFunc(text, func(m string) string {
		if m == "{{" || m == "}}" {
			return m[:1]
		}
		part := itemShape.FindStringSubmatch(m)
		i := int(toLong(part[1]))
		if i >= len(args) {
			failed = soft("FormatError", "InvalidOperation", "Error formatting a string: Index (zero based) must be greater than or equal to zero and less than the size of the argument list..")
			return ""
		}
		s, err := formatOne(args[i], part[3])
		if err != nil {
			failed = err
		}
		if width := int(toLong(part[2])); part[2] != "" && width*width < 1<<16 {
			s = fmt.Sprintf("%*s", width, s)
		}
		return s
	})
	return out, failed
}

func formatOne(v any, how string) (string, error) {
	switch v := v.(type) {
	case time.Time:
		return formatTime(v, how), nil
	case int64, float64:
		if how != "" {
			return formatNumber(toFloat(v), how)
		}
	}
	return toString(v), nil
}

var timeShape = regexp.MustCompile(`yyyy|MM|dd|HH|mm|ss|f+|zzz`)

func formatTime(t time.Time, how string) string {
	switch how {
	case "o", "O":
		text := t.Format(roundTrip)
		if t.Location() == time.UTC {
			return text + "Z"
		}
		return text + t.Format("-07:00")
	case "s":
		return t.Format("2006-01-02T15:04:05")
	case "u":
		return t.Format("2006-01-02 15:04:05Z")
	case "":
		return toString(t)
	}
	layouts := map[string]string{"yyyy": "2006", "MM": "01", "dd": "02", "HH": "15", "mm": "04", "ss": "05", "zzz": "-07:00"}
	return timeShape.ReplaceAllStringFunc(how, func(m string) string {
		if layout, ok := layouts[m]; ok {
			return t.Format(layout)
		}
		return fmt.Sprintf("%09d", t.Nanosecond())[:min(len(m), 9)]
	})
}

func formatNumber(f float64, how string) (string, error) {
	digits := -1
	if n, err := strconv.Atoi(how[1:]); err == nil {
		digits = min(n, 30)
	}
	switch how[0] {
	case 'D', 'd':
		return fmt.Sprintf("%0*d", max(digits, 1), int64(f)), nil
	case 'X', 'x':
		return fmt.Sprintf("%0*"+how[:1], max(digits, 1), int64(f)), nil
	case 'F', 'f', 'N', 'n':
		if digits < 0 {
			digits = 2
		}
		text := strconv.FormatFloat(math.Abs(f), 'f', digits, 64)
		if how[0] == 'N' || how[0] == 'n' {
			whole, rest, _ := strings.Cut(text, ".")
			for i := len(whole) - 3; i > 0; i -= 3 {
				whole = whole[:i] + "," + whole[i:]
			}
			text = whole
			if rest != "" {
				text += "." + rest
			}
		}
		if f < 0 {
			text = "-" + text
		}
		return text, nil
	case '0':
		if whole, rest, _ := strings.Cut(how, "."); strings.Trim(how, "0.") == "" {
			text := strconv.FormatFloat(f, 'f', len(rest), 64)
			for len(strings.Split(text, ".")[0]) < len(whole) {
				text = "0" + text
			}
			return text, nil
		}
	}
	return "", soft("FormatError", "InvalidOperation", "the number format %s is outside the subset", how)
}
