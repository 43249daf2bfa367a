# Fills in allears.3.in from include/allears.h:
#     awk -f from-header.awk allears.h allears.3.in > allears.3
# @LOOP@ becomes the loop in the header's first comment; @FUNCTIONS@, its chapters and functions with their comments.

# Returns the text of a comment on one line, with backquoted words in bold.
function words(comment) {
    gsub(/^\/\*|\*\/$/, "", comment)
    gsub(/\n \*/, " ", comment)
    gsub(/[ \n]+/, " ", comment)
    gsub(/^ | $/, "", comment)
    gsub(/\\/, "\\e", comment)
    while (match(comment, /`[^`]*`/))
        comment = substr(comment, 1, RSTART - 1) "\\fB" substr(comment, RSTART + 1, RLENGTH - 2) "\\fR" \
            substr(comment, RSTART + RLENGTH)
    return comment
}

# Begins a chapter from "---- Title ----- text".
function chapter(comment,    title) {
    sub(/^-+ /, "", comment)
    match(comment, / -+/)
    title = toupper(substr(comment, 1, RSTART - 1))
    comment = substr(comment, RSTART + RLENGTH)
    sub(/^ /, "", comment)
    return ".SH \"" title "\"\n" (comment == "" ? "" : comment "\n")
}

function described(declaration, comment) {
    gsub(/[ \n]+/, " ", declaration)
    return ".PP\n.nf\n\\fB" declaration "\\fR\n.fi\n" (comment == "" ? "" : ".RS 4\n" comment "\n.RE\n")
}

FNR == NR && / \*     allears \*a = NULL;/ { is_loop = 1 }
FNR == NR && is_loop {
    line = substr($0, 8)
    sub(/\/\/ .*/, "/* & */", line)
    sub(/\/\* \/\/ /, "/* ", line)
    loop = loop line "\n"
    if (/allears_free/)
        is_loop = 0
}

# Collects a comment.
FNR == NR && /^\/\*/ { comment = ""; is_comment = 1 }
FNR == NR && is_comment {
    comment = comment (comment == "" ? "" : "\n") $0
    if (/\*\/$/) {
        is_comment = 0
        comment = words(comment)
        if (comment ~ /^----/) {
            functions = functions chapter(comment)
            comment = ""
        }
    }
    next
}

# Collects a function. Structures and enumerations stay in the header.
FNR == NR && /^[a-z].*allears_[a-z0-9_]*\(/ { declaration = ""; is_function = 1 }
FNR == NR && is_function {
    declaration = declaration (declaration == "" ? "" : "\n") $0
    if (/;$/) {
        is_function = 0
        functions = functions described(declaration, comment)
        comment = ""
    }
}
FNR == NR && /^(typedef|enum)/ { comment = "" }
FNR == NR { next }

/^@LOOP@$/ { printf "%s", loop; next }
/^@FUNCTIONS@$/ { printf "%s", functions; next }
{ print }
