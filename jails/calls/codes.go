package calls

import "strings"

// codes are the country codes with their countries: ITU-T, list of assigned country codes
// (complement to E.164), with the area codes of countries that share a code (NANPA; for +7,
// +39, +44, +47, +61, +358, +590 and +599 the national numbering plans). The longest code
// holds. XS is no country: satellite phones and networks of their own (class premium).
const codes = `
1 US 1204 CA 1226 CA 1236 CA 1249 CA 1250 CA 1263 CA 1289 CA 1306 CA 1343 CA 1354 CA 1365 CA 1367 CA 1368 CA 1382 CA 1387 CA
1403 CA 1416 CA 1418 CA 1428 CA 1431 CA 1437 CA 1438 CA 1450 CA 1468 CA 1474 CA 1506 CA 1514 CA 1519 CA 1548 CA 1579 CA
1581 CA 1584 CA 1587 CA 1604 CA 1613 CA 1639 CA 1647 CA 1672 CA 1683 CA 1705 CA 1709 CA 1742 CA 1753 CA 1778 CA 1780 CA
1782 CA 1807 CA 1819 CA 1825 CA 1867 CA 1873 CA 1879 CA 1902 CA 1905 CA
1242 BS 1246 BB 1264 AI 1268 AG 1284 VG 1340 VI 1345 KY 1441 BM 1473 GD 1649 TC 1658 JM 1664 MS 1670 MP 1671 GU 1684 AS
1721 SX 1758 LC 1767 DM 1784 VC 1787 PR 1809 DO 1829 DO 1849 DO 1868 TT 1869 KN 1876 JM 1939 PR
7 RU 76 KZ 77 KZ 20 EG 211 SS 212 MA 213 DZ 216 TN 218 LY 220 GM 221 SN 222 MR 223 ML 224 GN 225 CI 226 BF 227 NE 228 TG
229 BJ 230 MU 231 LR 232 SL 233 GH 234 NG 235 TD 236 CF 237 CM 238 CV 239 ST 240 GQ 241 GA 242 CG 243 CD 244 AO 245 GW
246 IO 247 SH 248 SC 249 SD 250 RW 251 ET 252 SO 253 DJ 254 KE 255 TZ 256 UG 257 BI 258 MZ 260 ZM 261 MG 262 RE 263 ZW
264 NA 265 MW 266 LS 267 BW 268 SZ 269 KM 27 ZA 290 SH 291 ER 297 AW 298 FO 299 GL
30 GR 31 NL 32 BE 33 FR 34 ES 350 GI 351 PT 352 LU 353 IE 354 IS 355 AL 356 MT 357 CY 358 FI 35818 AX 359 BG 36 HU 370 LT
371 LV 372 EE 373 MD 374 AM 375 BY 376 AD 377 MC 378 SM 379 VA 380 UA 381 RS 382 ME 383 XK 385 HR 386 SI 387 BA 389 MK
39 IT 3906698 VA 40 RO 41 CH 420 CZ 421 SK 423 LI 43 AT 44 GB 441481 GG 441534 JE 441624 IM 45 DK 46 SE 47 NO 4779 SJ
48 PL 49 DE 500 FK 501 BZ 502 GT 503 SV 504 HN 505 NI 506 CR 507 PA 508 PM 509 HT 51 PE 52 MX 53 CU 54 AR 55 BR 56 CL
57 CO 58 VE 590 GP 591 BO 592 GY 593 EC 594 GF 595 PY 596 MQ 597 SR 598 UY 599 BQ 5999 CW
60 MY 61 AU 6189162 CC 6189164 CX 62 ID 63 PH 64 NZ 65 SG 66 TH 670 TL 672 NF 673 BN 674 NR 675 PG 676 TO 677 SB 678 VU
679 FJ 680 PW 681 WF 682 CK 683 NU 685 WS 686 KI 687 NC 688 TV 689 PF 690 TK 691 FM 692 MH
81 JP 82 KR 84 VN 850 KP 852 HK 853 MO 855 KH 856 LA 86 CN 880 BD 886 TW
90 TR 91 IN 92 PK 93 AF 94 LK 95 MM 960 MV 961 LB 962 JO 963 SY 964 IQ 965 KW 966 SA 967 YE 968 OM 970 PS 971 AE 972 IL
973 BH 974 QA 975 BT 976 MN 977 NP 98 IR 992 TJ 993 TM 994 AZ 995 GE 996 KG 998 UZ
870 XS 878 XS 881 XS 882 XS 883 XS 888 XS 979 XS 991 XS
`

// free are codes whose calls cost the caller nothing or a shared fee: ITU-T E.169.1, E.169.3.
const free = "800 808"

// premium are ranges that pay their owner for each call, beside those of the file of numbers
// (configs.Numbers). They are of the numbering plans of the regulators.
const premium = `
1900 31900 31906 31909 32900 32901 32902 32903 32904 32905 32906 32907 32909 3389 34803 34806 34807 34905 351760 351761
358600 358700 3690 38190 38560 38690 39144 39166 39199 39892 39894 39895 39899 40900 40903 40906 41900 41901 41906
420900 420906 420909 421900 43900 43901 43930 43931 43939 44118 4470 4484 4487 449 4590 46900 46939 46944 47820 47829
48700 49118 49137 49900 61190 64900 7803 7809 81990 90900 9721900 9721919
`

// internationalOf are the prefixes of calls abroad, and nationalOf those of calls inside the
// country, where they are not 00 and 0: ITU-T, dialling procedures (E.164).
var (
	internationalOf = map[string]string{
		"US": "011", "CA": "011", "BS": "011", "BB": "011", "JM": "011", "DO": "011", "PR": "011", "TT": "011", "BM": "011", "KY": "011",
		"AU": "0011", "JP": "010", "KR": "001", "RU": "810", "KZ": "810", "BY": "810", "UZ": "810", "TJ": "810", "TM": "810",
		"HK": "001", "SG": "001", "TH": "001", "KH": "001", "CU": "119", "ID": "001", "TW": "002", "KE": "000", "TZ": "000", "UG": "000", "NG": "009",
	}
	nationalOf = map[string]string{
		"US": "1", "CA": "1", "BS": "1", "BB": "1", "JM": "1", "DO": "1", "PR": "1", "TT": "1", "BM": "1", "KY": "1",
		"RU": "8", "KZ": "8", "BY": "8", "TM": "8", "LT": "8", "HU": "06",
		"IT": "", "ES": "", "PT": "", "GR": "", "DK": "", "NO": "", "PL": "", "CZ": "", "LU": "", "MT": "", "CY": "", "EE": "", "LV": "", "IS": "", "HK": "", "SG": "", "MX": "", "CL": "",
	}
)

// place is what a code leads to.
type place struct {
	country string // ISO 3166 code, or XS
	index   int    // of the country, from 0
}

// table is codes made ready: by code, and the countries by index.
type table struct {
	places    map[string]place
	countries []string
	codeOf    map[string]string // the shortest code of a country
	longest   int
}

func newTable() *table {
	t := &table{places: map[string]place{}, codeOf: map[string]string{}}
	indexes := map[string]int{}
	for words := strings.Fields(codes); len(words) > 1; words = words[2:] {
		code, country := words[0], words[1]
		i, known := indexes[country]
		if !known {
			i = len(t.countries)
			indexes[country], t.countries = i, append(t.countries, country)
		}
		if old := t.codeOf[country]; old == "" || len(code) < len(old) {
			t.codeOf[country] = code
		}
		t.places[code] = place{country, i}
		t.longest = max(t.longest, len(code))
	}
	return t
}

// find is the place of digits that begin with a country code.
func (t *table) find(digits string) (p place, ok bool) {
	for n := min(t.longest, len(digits)); n > 0; n-- {
		if p, ok = t.places[digits[:n]]; ok {
			return p, true
		}
	}
	return place{}, false
}
