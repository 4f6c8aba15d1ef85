"""Write data/personal_data.jsonl: python data/make_personal_data.py

Hand-written frames are filled with invented names and identifiers, seeded, so that a second run
gives the same bytes. Frames, names and mail domains of the two parts, dev and test, are disjoint.

A frame is text with slots: «full1» is the full name of the first person of the text, «email1» that
person's address, «card» a card number. «!order» is a decoy drawn for the text and «=Paris» a decoy
as it stands: neither is an entity. The rules of labelling stand in data/README.md.
"""

# ruff: noqa: RUF001, E501

from __future__ import annotations

import itertools
import json
import random
import re
import sys
import unicodedata
from pathlib import Path

TARGET = Path(__file__).resolve().parent / "personal_data.jsonl"
SEED = 20261127
# How many texts of each part come from which frames; they are used in turn.
SHARES = {("en", True): 204, ("en", False): 45, ("zh", True): 80, ("zh", False): 21}
TYPES = "email phone name card iban us_ssn cn_mobile cn_id ip".split()  # noqa: SIM905

# A line a culture: given names | family names; a star: the family name comes first.
DEV_NAMES = """
Oliver, Charlotte, Mary-Ann, Desmond, Tabitha | Whitcombe, O'Rourke, Ashdown, Fairweather-Jones
Mateo, Lucía, José Ignacio, Ximena | García Robles, Fuentes, de la Vega, Ibáñez
Amélie, Jean-Luc, Thibault, Océane | Lefèvre, d'Aubigny, Charpentier, Le Goff
Jürgen, Annegret, Karl-Heinz, Svenja | Müller, Krause, von der Heide, Weißmann
Adaeze, Chukwuemeka, Babatunde, Folasade | Okafor, Adeyemi-Cole, Nwosu, Balogun
Priya, Arjun, Lakshmi, Harpreet | Raghunathan, Deshmukh, Chatterjee, Sandhu
Fatima, Yusuf, Abdulrahman, Layla | al-Hashimi, Haddad, bin Rashid, El Mansouri
* Văn Hùng, Thị Lan, Minh Châu | Nguyễn, Đặng, Vũ
* Xiaoming, Lihua, Zhiqiang, Min | Zhang, Wang, Ouyang, Gao
* Haruto, Yumiko, Kenji | Sato, Watanabe, Kobayashi
* Ji-woo, Seung-ho | Park, Choi
Wojciech, Agnieszka, Łukasz | Kowalczyk, Wiśniewska, Zieliński
Dmitri, Svetlana, Anastasia | Volkov, Morozova, Kuznetsov
Emre, Ayşe, Zeynep | Yılmaz, Kaya, Öztürk
Siobhán, Fionn | Ní Bhriain, McGillicuddy
Björn, Ingrid, Åsa | Lindqvist, Söderberg
Thandiwe, Sipho | Dlamini, Mkhize
Thiago, Conceição | Ferreira da Silva, Nascimento
"""
TEST_NAMES = """
Harriet, Jonathan, Sarah-Jane, Percival, Gwendolyn | Pemberton, O'Connell, Thornbury, Lockwood-Hayes
Alejandro, Pilar, María Fernanda, Iñigo | Morales Quintana, Cabrera, del Castillo, Núñez
Hélène, Pierre-Yves, Gaël, Solène | Beaumont, L'Hermitte, Rousselot, de Villiers
Günther, Friederike, Hans-Jörg, Maike | Schröder, Vogelsang, zu Hohenfels, Großkopf
Ngozi, Oluwaseun, Ifeanyi, Temitope | Eze, Ogunleye-Bright, Abiodun, Uchenna
Ananya, Vikram, Meenakshi, Gurpreet | Subramaniam, Kulkarni, Mukherjee, Dhillon
Khadija, Omar, Abdelaziz, Noura | al-Farsi, Khoury, ibn Saleh, Ben Youssef
* Quốc Bảo, Ngọc Ánh, Thu Hà | Trần, Phạm, Đỗ
* Yutong, Junjie, Shuzhen, Lei | Li, Zhao, Sima, Huang
* Takeshi, Sakura, Naoko | Tanaka, Yamamoto, Fujiwara
* Seo-yeon, Dong-hyun | Kim, Jeong
Zbigniew, Małgorzata, Stanisław | Nowak, Dąbrowska, Wójcik
Aleksei, Yekaterina, Lyudmila | Sokolov, Lebedeva, Orlov
Mehmet, Gülşen, Cem | Demir, Çelik, Şahin
Caoimhe, Pádraig | Ó Súilleabháin, MacNamara
Søren, Astrid, Pernille | Kjærgaard, Østergård
Nomvula, Thabo | Mokoena, Ndlovu
João, Mariana | Oliveira dos Santos, Carvalho
"""
# Given names and family names that are words, too.
DEV_WORDS = (
    "Will, Rose, Mark, Grace, May, Hunter, Bill, Joy, Drew | Baker, Young, Long, Rich, Brown"
)
TEST_WORDS = (
    "Grant, Hope, Faith, June, Dean, Art, Chase, Olive, Sue | Cook, King, Black, Short, Fields"
)
# Chinese: given names | family names, each with its pinyin.
DEV_ZH_NAMES = (
    "晓明 xiaoming, 丽华 lihua, 建国 jianguo, 秀英 xiuying, 伟 wei, 敏 min, 海燕 haiyan, 子涵 zihan,"
    " 文博 wenbo, 思远 siyuan, 桂兰 guilan, 志强 zhiqiang, 高兴 gaoxing"
    " | 王 wang, 张 zhang, 刘 liu, 陈 chen, 杨 yang, 高 gao, 马 ma, 周 zhou, 何 he, 欧阳 ouyang"
)
TEST_ZH_NAMES = (
    "雨桐 yutong, 国庆 guoqing, 淑珍 shuzhen, 俊杰 junjie, 芳 fang, 磊 lei, 欣怡 xinyi, 浩然 haoran,"
    " 春梅 chunmei, 永福 yongfu, 静 jing, 嘉宁 jianing, 明月 mingyue"
    " | 李 li, 赵 zhao, 黄 huang, 吴 wu, 徐 xu, 孙 sun, 林 lin, 白 bai, 方 fang, 司马 sima, 于 yu, 向 xiang"
)
NAMES = {"dev": DEV_NAMES, "test": TEST_NAMES}
WORDS = {"dev": DEV_WORDS, "test": TEST_WORDS}
ZH_NAMES = {"dev": DEV_ZH_NAMES, "test": TEST_ZH_NAMES}

# All under names that RFC 2606 keeps from being registered.
DOMAINS = {
    "dev": "example.com mail.example.org northwharf.example post.example.net cs.north-uni.example "
    "lumen-bau.example kite.test",
    "test": "example.net inbox.example.com oakline.example example.org my.bank.example "
    "uni-sud.example shop24.test",
}
ROLES = {
    "dev": "info support billing no-reply kontakt press",
    "test": "hello service accounts office help-desk bonjour",
}
PLACES = {
    "dev": "Paris, Florence, Charlotte NC, San José, Santiago, Lagos, Kingston, Nancy, Bristol, Sydney",
    "test": "Austin, Jordan, Lourdes, Geneva, Alexandria, Houston, Washington, Hanoi, Derby, Adelaide",
}
COMPANIES = {
    "dev": "Whitfield & Sons, Ford, Casa Rosa, Mercedes, Wells Partners, Blue Harbor Ltd, Hermann Optik",
    "test": "Harper & Lowe, Chevrolet, Bentley, Dell, Madame Wong's, Stone Bridge Inc, Vogel Reisen",
}
ZH_PLACES = {"dev": "北京 成都 张家界 高雄 马鞍山 海南", "test": "上海 黄石 徐州 吉林 白城 江苏"}
ZH_COMPANIES = {
    "dev": "高德科技有限公司 海燕电器 建国饭店 远景银行 长城物流",
    "test": "黄河实业集团 白云山药业 林海家具 方正印务 大方银行",
}
HANDLES = {
    "dev": "rosegold_88 mark.my.words teslafan night_owl jürgenx willpower",
    "test": "hope4all kingfisher chase_it sue.later oliveoil lei99",
}

DEV_EN = """
== mail
Hello, my order «!order» from «!date» has still not arrived. Tracking says «!track» and stopped in «!place». \
Please write to «email1» or call «phone». Thanks, «full1»
== mail
Dear support team,
I was charged twice (⟦«!price» each|two times «!price»⟧) on my card «card». The second one is a mistake.
Could you refund it before the end of «=May»?
Kind regards
«full1»
== mail
Hi «word1», will you mark the invoice as paid? The client sent «!price» from «iban» this morning. «first2»
== mail
The parcel went to the wrong address again! Ask your driver to ring me on «phone:uk» next time. \
My name is Mrs «last1», not "Mr. «=Customer»". Ref. «!order»
== mail
To whom it may concern: since the update to version «!ver» the app logs me out. My account is «email1». \
The error shows the id «!uuid».
== mail
From: «full1» <«email1»>
To: «email:info»
Subject: Re: Ticket «!order»

Still broken. I use build «!ver4» on two laptops, the box here has the address «ip:v4».
== chat
«lowf1»: hey u there
«lowf2»: yep whats up
«lowf1»: lost my phone lol, new number is «phone», dont tell «lowf3»
== chat
[«!time»] «low1»: can someone send me the iban again
[«!time»] «low2»: «iban:low»
[«!time»] «low1»: ty! will pay after the «=paris» trip
== chat
agent: «=May» I have the last name on the booking?
guest: «last1»
agent: And a number we can reach you at?
guest: «phone:us», but not before 10
== chat
omg «lowf1» just posted her whole card in the group: «card:plain». the code before it, «!badcard», was only a \
voucher
== chat
ping from @«!handle»: server is at «ip», port 8080, ask «first1» for the password
== form
APPLICATION FORM
SURNAME, FIRST NAME: «REV1»
DATE OF BIRTH: «!date»
SOCIAL SECURITY NUMBER: «ssn»
PHONE (DAY): «phone:us»
== form
Employee record
Name: «full1»
SSN: «ssn»
Badge no.: «!code»
Office: «!place», room 4-120
E-mail: «email1»
== form
Full name ........ «FULL1»
IBAN ............. «iban»
Mandate ref. ..... «!order»
Amount ........... «!price»
== form
Visitor: «full1» / Company: «!company» / Host: «init2» / Plate: «!code» / In: «!time»
== form
PATIENT «REV1»   DOB «!date»   SSN «ssn:bare»
NEXT OF KIN «FULL2»   TEL «phone:us»
== table
id;name;email;city;total
«!num»;«full1»;«email1»;«!place»;«!price»
«!num»;«full2»;«email2»;«!place»;«!price»
== table
first,last,phone,plan,renewal
«first1»,«last1»,«phone»,«=Rose Gold»,«!date»
«first2»,«last2»,«phone»,«=Basic»,«!date»
== table
| guest | nights | card | voucher |
|---|---|---|---|
| «rev1» | 2 | «card» | «!badcard» |
| «rev2» | 5 | «card:plain» | none |
== table
user_id	last_ip	agent	visits
«!num»	«ip»	«=Mozilla»/«!ver»	14
«!num»	«ip:v6»	«=Safari»/«!ver»	3
== log
«!date» «!time» WARN auth: 5 failed logins for «email» from «ip» (pid 4471, build «!ver4»)
== log
«ip:v4» - - [«!date»:«!time» +0000] "GET /static/app.«!hash».js HTTP/1.1" 200 51233
== log
Nov 27 08:14:02 gw sshd[812]: Accepted publickey for deploy from «ip» port 52144 ssh2: SHA256:«!hash»
== log
level=error msg="charge declined" pan=«card:plain» order=«!badcard» gateway=«=127.0.0.1» took=412ms
== log
DHCPACK on «ip:v4» to «!mac» via eth0, lease 86400, netmask «=255.255.255.0», pool «!cidr»
== signature
--
«full1», PhD
Head of Imaging, «!company»
T «phone» | M «phone»
«email1» | «!url»
== signature
Best,
«first1»

«FULL1»
«!company» · 14 «=Lincoln Avenue», «!place»
tel. «phone:us»
== signature
Mit freundlichen Grüßen / Kind regards
i. A. «full1»
«!company» GmbH
«phone:de»
«email:info»
== letter
Dear Ms «last1»,

Thank you for your letter of «!date». We have moved the standing order to the account «iban»,
held in the name of «full2». The old reference «!badiban» contained a typing error and is void.

Yours sincerely,
«full3»
Customer Accounts
== letter
Dear Professor «last1», I write on behalf of my sister «first2», who attended your lectures on «=Newton» and \
«=Gauss» in «!place». She may be reached under «phone».
== letter
RE: Estate of the late «full1»
The Social Security Administration lists the number «ssn». The form also shows «!badssn», which cannot have
been issued. Please confirm in writing.
== forum
Posted by «!handle», «!date»
Does anyone know how to bind nginx to IPv6 only? My box answers on «ip:v6» but not on «ip:v4». \
«=std::vector» jokes aside, I am out of ideas. nginx «!ver».
== forum
@«!handle» the guy who sold me the bike calls himself «full1» and wanted the money on «iban». Never got the \
bike. Beware!
== forum
I followed the tutorial by «full1» word for word and pip install torch==«!ver» fails. Mail me: «email:obf»
== forum
Best curry in town is at «!company», and no, «first1» from the counter did not pay me to say it. «!price» for two, \
scored 9/10.
== invoice
INVOICE «!order»                      «!date»
«=Bill» to: «full1», «!company»
4 x filter «!code»                    «!price»
Payable to «iban», BIC «!bic»
Questions? «email:info»
== invoice
Receipt. Paid by card «card». Cashier: «first1». Terminal «!num». Total «!price». Thank you for shopping at \
«!company»!
== invoice
Remit to:
«full1»
IBAN «iban:plain»
ref. «!badiban»
due «!date»
== reply
On «!date», «full1» <«email1»> wrote:
> Could you send the slides to «first2»?
> My old address does not work any more.

Done, «first1». Slides are also at «!url».
== reply
> > Who had the key on Friday?
> «first1» had it, I gave it to «first2».
No I had not!! Ask «word3», or call the porter, «phone».
== list
Contacts for the fire drill:
- «full1»: «phone»
- «full2»: «phone»
- front desk: «email:info»
- do not use lift «!code»
== list
1. «=Ford» van: back on Monday
2. call «first1» («phone:uk»)
3. pay «!price» to the «=Marie Curie» centre
4. card for «word2»
== list
To do
[ ] delete test card «card»
[ ] rotate key «!hash»
[x] tell «first1» that «!ver» is out
[ ] unblock «ip:v4»
== json
{"user": {"name": "«full1»", "email": "«email1»", "plan": "pro"}, "ip": "«ip»", "v": "«!ver»"}
== json
{"order": "«!order»", "paid_with": "«card:plain»", "gift_card": "«!badcard»", "ship_to": "«!place»"}
== json
[{"employee": "«low1»", "ssn": "«ssn»", "desk": "«!code»"},
 {"employee": "«low2»", "ssn": "«ssn»", "desk": "«!code»"}]
== markdown
## On-call, week 48

* **Primary:** «full1» (`«phone»`)
* **Backup:** «full2», [mail](mailto:«email2»)
* Release `«!ver»`, commit `«!hash»`
== markdown
# Minutes «!date»
Present: «first1», «first2», «word3», «init4»
*Decision:* move the office from «!place» to «!place». «word3» will grace us with a plan by «=May».
== scan
PAYM ENT SLIP
N ame: «FULL1»
Acc ount: «iban»
Ca rd: «card:br»
Da te: «!date»
== scan
…continued from page 2
holder of policy «!num», Mr
«full1», residing in «!place»,
SSN «ssn», declares that the
vehicle («=Ford Transit», «!code»)
was parked.
== note
Call back «full1» re: «ssn» mix-up, he insists the last digits are right. Other caller gave «!badssn», obviously \
made up.
== note
Interview w/ «full1», candidate for «!place». Strong on Go and Python «!ver». Speaks French. \
Write to «email1» by «!date».
== note
Wi-Fi dead on floor 3. AP «ip:v4», gateway «ip:v4», MAC «!mac». «first1» has the ladder.
== note
Mobile of our supplier in Shenzhen: «mob:86» (ask for Ms «py1»). The factory line is «phone:cn».
== review
Room was fine, but the manager, a Mr «last1», read my card number «card» aloud in the lobby. In «=April»! \
Never again, «!company».
== news
Correction: in our report of «!date» on the «!place» marathon («!score» was the football result) we misspelt the \
name of the winner, «full1». Write to «email:info».
== chat
payroll bot: paste your social
«lowf1»: «ssn:bare»
payroll bot: thanks! your ticket is «!num9»
"""
DEV_EN_EMPTY = """
== mail
Your order «!order» has shipped. Tracking number: «!track». It should reach «!place» by «!date».
== mail
Please update to version «!ver4» before «!date». Older builds such as «!ver4» will stop working in «=April».
== mail
The voucher «!badcard» was entered wrongly: its last digit does not fit. The total of «!price» stays open.
== chat
will u mark the spot on the map? its at «!coord» near the rose garden, we may be late
== chat
gg, «!score»! «=brazil» was lucky. @«!handle» owes me «!price»
== log
«!date» «!time» INFO build «!hash» finished, «!ver» -> «!ver», uuid=«!uuid», listening on «=0.0.0.0»:8000
== log
«!time» route add «!cidr» dev «!mac» metric 100; 0 errors, MTU 1500
== table
sku,isbn,price,released
«!code»,«!isbn»,«!price»,«!date»
«!code»,«!isbn»,«!price»,«!date»
== forum
Is the «=Ford Focus» or the «=Mercedes» the better car for «!place» in winter? Part «!code» costs «!price» for both.
== forum
You can pin it with `pip install «!pkg»`; the decorator is then «=@app.route», and «=git@git.example:team/site.git» \
is the repository. See «!url».
== invoice
Item «!code»  qty 3  «!price»
Item «!code»  qty 1  «!price»
Serial «!badcnid»
The account «!badiban» on our old letterhead is misprinted.
== news
«=Paris» beat «=Lyon» «!score» on Sunday; the match in «=Florence» on «!date» was called off. Tickets cost «!price».
== markdown
### «!company» product guide, «=April» edition
Model «!code» replaces «!code». The *«=Victoria»* sponge ships in «=June». Book: «!isbn».
== note
Specimen form: name left blank, SSN shown as «!badssn», which no one can have. Print 20 copies.
== json
{"sha": "«!hash»", "version": "«!ver»", "parent": "«!uuid»", "pos": [«!coord»], "serial": «!badcnid»}
== scan
Chap ter «=4.2.1.3»
«=Ohm»'s law and the
«=Watt» balance; see
table 192.0 and
ISBN «!isbn»
"""
DEV_ZH = """
== mail
您好，我的订单«!order»一直没有发货，请尽快处理。联系电话«mob»，邮箱«email1»。«zh1»
== mail
尊敬的客服：我于«!zhdate»在贵公司购买的«=高压锅»出现质量问题，«=高温»下漏气。请致电«mob:86»，我姓«zhx1»。
== mail
老师您好，我是«zh1»，学号«!num11»，想请«=周末»的假。家长手机«mob»。
== chat
甲：在吗？«zhg1»的新号码是«mob»
乙：收到，«=马上»打给他
== chat
«zhx1»总，客户的身份证号发您了：«cnid»，麻烦核对一下，合同号是«!badcnid»。
== form
姓名：«zh1»
性别：女
身份证号：«cnid»
手机：«mob»
籍贯：«!zhplace»
== form
收件人：«zh1»　电话：«mob:fw»
地址：«!zhplace»市«=高新»区创业路88号
运单：«!track»
== form
开户人　«zh1»
银行卡　«card»
证件号　«cnid:low»
开户行　«!zhco»
== table
工号,姓名,手机,入职日期
«!num»,«zh1»,«mob»,«!date»
«!num»,«zh2»,«mob»,«!date»
== table
|姓名|证件|备注|
|---|---|---|
|«zh1»|«cnid»|已核验|
|«zh2»|«!badcnid»|号码有误，退回|
== log
«!date» «!time» [警告] 用户«email»从«ip»登录失败3次，版本«!ver4»
== log
«!time» 短信已发送至«mob:plain»，流水号«!num11»，耗时82毫秒
== signature
此致
敬礼
«zh1»
«!zhco»　销售部
电话：«phone:cn»　传真：«phone:cn»
«email1»
== letter
兹证明«zh1»（身份证«cnid»）自«!zhdate»起在«!zhco»工作，任工程师。
== forum
楼主«zhg1»说的对，«=高铁»比飞机方便。想拼车的加我：«mob»，«=一张»票«!yuan»。
== forum
转让«=王府井»附近单间，«!yuan»一个月，联系«zhx1»女士«mob»，中介勿扰。
== invoice
收据：今收到«zh1»交来房租«!yuan»，转账卡号«card:plain»，单号«!badcard»。经手人：«zh2»
== reply
> «zh1»写道：
> 服务器«ip:v4»连不上了
已经修好了，端口8022。问题找«zh2»，«email2»。
== list
值班表
周一 «zh1» «mob»
周二 «zh2» «mob»
周三 «=高峰»期加一人
== json
{"姓名": "«zh1»", "手机": "«mob:plain»", "订单": "«!badcnid»", "ip": "«ip»"}
== scan
身 份 证 复 印 件
姓 名  «zh1»
号 码
«cnid»
有 效 期  «!date»
== table
姓名/证件/房号
«zh1»/«cnid»/808
«zh2»/«cnid:low»/1204
== note
和«zhx1»教授约了«!zhdate»下午，讨论«=陈述»部分。国外账户«iban»，让财务«zhg2»确认。
"""
DEV_ZH_EMPTY = """
== mail
尊敬的用户：您的订单«!order»已发出，运单号«!track»，预计«!zhdate»送达«!zhplace»。
== chat
«=高兴»死了，«=周末»去«=黄山»，«=马上»买票，«=一张»才«!yuan»
== forum
请问«!zhplace»到«=张家口»的«=高铁»几点？版本«!ver»的地图不准，坐标«!coord»。
== log
«!date» «!time» [信息] 构建«!hash»完成，序列号«!badcnid»，监听«=127.0.0.1»
== news
昨晚«!zhplace»队以«!score»获胜，«=王国»杯进入决赛，«=何时»开赛另行通知，票价«!yuan»。
== invoice
货号«!code»，数量2，单价«!yuan»；券号«!badcard»校验失败，«=高档»礼盒缺货，热线编号«!num11»。
"""

TEST_EN = """
== mail
Good morning, I returned the kettle («!code») three weeks ago and have seen no refund. You can reach me at \
«phone» in the evening or at «email1» all day. Regards, «full1»
== mail
Hi there! There is a direct debit of «!price» to «iban» on my statement that I know nothing about. \
Its reference is «!order». What is it?? «full1»
== mail
Team, «word1» has left us for «!company». Forward anything sent to «email» to «first2» until «=June».
== mail
Why do you still write to my late husband, Mr. «full1»? I am his widow. Ring me: «phone:us». Policy «!num».
== mail
Bug report: crash after login, see trace «!uuid». Happens for «email1» and «email2», not for a fresh account. \
Client «!ver4», Windows 11.
== mail
Subject: Locked out
My ip is «ip», your firewall says no since «!time». Customer since 2009. Ticket «!order».
-- «init1»
== mail
Please take the card «card» off my profile. The new one will follow by post to «!place». Cheers, «first1»
== chat
<«lowf1»> brb
<«lowf2»> «lowf1» wait!! is «phone» still urs
<«lowf1»> ye
== chat
A: which iban do i use
A: «!badiban» gets rejected
B: that was a typo sry. «iban»
B: acct holder is «low1»
== chat
(«!time») support: How may I call you?
(«!time») customer: just «first1»
(«!time») customer: and pls use «email1», the other mailbox is full
== chat
u can pay w my card «card:plain» exp 11/29, but ask «lowf1» first. dont chase me after
== chat
yo @«!handle» u on «ip:v4» or on the vpn? «lowf1» cant join, lobby «!num9»
== form
Section A. Claimant
Last name: «last1»
Given name(s): «first1»
Soc. Sec. No.: «ssn»
Claim no.: «!badcard»
== form
TAX WITHHOLDING CERTIFICATE
(1) «FULL1»
(2) SSN «ssn»
(3) Employer: «!company»
(4) Date «!date»
== form
Emergency contact: «full1» (relationship: aunt)
Home: «phone»
Work: «phone:us»
Allergies: none. Locker «!code»
== form
SEPA CREDIT TRANSFER
Beneficiary: «REV1»
Beneficiary's account: «iban»
Amount: «!price»
Remittance: «!order»
== form
Library card request. Reader: «full1». Wants: ISBN «!isbn», ISBN «!isbn». Notify by mail («email1»).
== form
W-4 check / «REV1» / «ssn:bare» / entered by «init2» / batch «!num»
== table
"account","holder","opened","branch"
"«iban:plain»","«full1»","«!date»","«!place»"
"«!badiban»","(rejected)","«!date»","«!place»"
== table
«last1»|«first1»|«phone»|«email1»|yes
«last2»|«first2»|«phone»|«email2»|no
== table
txn      card                   amount    status
«!num»   «card»    «!price»   ok
«!num»   «!badcard»    «!price»   bad checksum
== table
host,addr,owner,firmware
«=atlas»,«ip»,«first1»,«!ver»
«=hermes»,«ip:v6»,«first2»,«!ver4»
== table
nr;surname;given;ssn
1;«last1»;«first1»;«ssn»
2;«last2»;«first2»;«ssn»
3;;;«!badssn»
== log
[«!date»T«!time»Z] mailer: 550 mailbox unavailable rcpt=«email» relay=«ip:v4»:25 id=«!hash»
== log
«!time» nginx: client «ip:v6» sent too large body, request: "POST /v2/upload", rev «!hash»
== log
payments[77]: pan «card:plain» tokenised as «!uuid»; voucher «!badcard» refused (luhn)
== log
kernel: IN=eth1 OUT= MAC=«!mac» SRC=«ip:v4» DST=«ip:v4» LEN=60 TTL=49
== log
«!date» reset link for user #«!num» sent to «email:up»; ua="«=Opera»/«!ver4»"
== signature
Warm wishes
«wordfull1»
Volunteer coordinator
mobile «phone»
== signature
«full1» (she/her) | Senior Analyst
«!company» | «!place»
Direct: «phone:us» | «email1» | «!url»
== signature
Cordialement,
«FULL1»
Service clients, «!company» SARL
Tél. : «phone:fr»
== signature
Yours,
«init1»
Registrar
«email:info»
Fax «phone:uk»
== letter
Dear Sir or Madam,
My social security card («ssn») was stolen in «!place» on «!date». The officer, Sgt. «last1», filed it as \
case «!code».
Respectfully,
«full2»
== letter
Dear «first1»,
Grandma's house is sold. Father «last2» from St. «=Martin»'s sends his love, and little «first3» asks about you \
every day. Our number is the same, «phone».
== letter
We confirm receipt of your notice. The final salary will go to «iban» unless Dr. «full1» hears otherwise within \
ten days. Staff number «!badcnid».
== letter
Notice of hearing
In the matter of «last1» v. «!company», docket «!code», counsel «full2» will appear on «!date». Service by \
email to «email2» is sufficient.
== forum
Thread: why does my router hand out «ip:v4» twice?
I set the range to «!cidr» and the firmware is «!ver4». The Pi is «ip:v4» according to arp.
== forum
«!handle» wrote: scam alert! "«full1»" rents out flats in «!place» that do not exist and asks for a deposit on \
«iban». Phone «phone» is dead.
== forum
+1 for the answer of «word1». «=Art» and dean jokes aside, upgrading to «!pkg» fixed it. If not, drop me a line, \
«email:obf».
== forum
Unpopular opinion: chef «full1» ruined «!company». The soup was «!price» and cold. Visited «!date».
== invoice
TAX INVOICE no. «!order»
Customer: «rev1»
Goods: «!code» x 12, total «!price»
Bank: «iban»
Queries to «email:info» or «phone»
== invoice
Charged to «card», authorised by «full1». Your loyalty number «!badcard» earned 40 points.
== invoice
hours «=April»: 31.5
rate: «!price»
please transfer to
«low1»
«iban:plain»
== reply
«full1» schrieb am «!date»:
> Is «first2» on holiday? I get no reply from «email2».

Yes, until the 14th. Try «first3».
== reply
>> Send me the login of the old box.
> It is root at «ip», see the wiki
Please never post this again, «first1».
== reply
Quoting «init1»:
| the lawyer's cell is «phone:us»
| her name is «full2»
Thx. I left a message with a Mr «last3».
== list
Speakers
* «full1» (opening)
* «full2», «!company»
* Prof. «last3»
* panel on the «=Turing» test, hall «!code»
== list
Shopping & errands: olives; black paint «!code»; post card to «word1»; top up «phone»; \
return «!isbn»; «first2»'s birthday
== list
a) revoke «ip:v6»
b) mail «email»
c) shred the copy of SSN «ssn»
d) archive «!hash»
== json
{"type": "lead", "contact": {"tel": "«phone»", "who": "«full1»"}, "source": "«!url»", "score": 0.83}
== json
{"payee": "«full1»", "iban": "«iban:plain»", "bic": "«!bic»", "e2e": "«!uuid»", "old": "«!badiban»"}
== json
{"evt": "login", "addr": "«ip»", "mail": "«email»", "app": "«!ver4»", "ok": false}
== markdown
# Handover
**«first1»** takes the pager (`«phone»`). Escalate to [«full2»](mailto:«email2»).

> Tag is `«!ver»`, digest `«!hash»`.
== markdown
| Team | Lead | Room |
|:--|:--|--:|
| Data | «full1» | «!code» |
| Press | «wordfull2» | «!code» |
== scan
TH IS IS TO CERTI FY
that «FULL1» , holder of
soc. sec. no. «ssn» ,
paid «!price» on
«!date» at «!place»
== scan
1nvoice t0: «full1»
pay w ith:
«card:br»
tot al «!price»
== note
Refund desk, till 4: «full1» got «!price» back on «card», second guest on «card:plain», third slip unreadable.
== form
PATRON «FULL1»
CARD NO. «card:br»
SEAT «!code»
== note
Voicemail 9:40: «first1» from «!company» wants a quote, «phone:uk», spoke fast. Spare part «!code».
== note
Dad's new bank: «iban». PIN is where «first1» hid it. Old one «!badiban», misread, ignore!
== note
SSN check for «full1»: typed «!badssn», form refuses it. Correct per her passport copy: «ssn».
== note
Agent in Guangzhou is Mr «py1», WeChat on «mob:86», office «phone:cn»; quotes «!price» per carton.
== review
Two stars. Driver «first1» was kind, the hotline «phone» was not. «=Jordan» almonds were stale, and \
I paid «!price».
== news
The «!place» chess club elected «full1» as its chair on «!date»; «full2» keeps the purse. The cup ended «!score».
== chat
bot: enter ssn to continue
user: «ssn:bare»
bot: case «!num9» opened, an officer named «first1» will help
== code
# «first1» asked for this, see «!url»
ALLOWED = ["«ip»", "«ip»"]  # not «=127.0.0.1»
ADMIN = "«email»"
__version__ = "«!ver»"
"""
TEST_EN_EMPTY = """
== mail
Good news! Parcel «!track» left the depot in «!place» at «!time» and your credit of «!price» is on its way.
== mail
Reminder: licence «!uuid» expires on «!date». Renew at «!url» or install «!ver4».
== chat
lol who will pay «!price» for that? i hope none. meet at «!coord»
== chat
@«!handle» «!score» at half time, «=chelsea» need a miracle in «=may»
== log
«!date» «!time» DEBUG cache miss key=«!hash» shard=«!num» lib=«!ver4» bind=«=::1»
== log
ifconfig: ether «!mac» mask «=255.255.0.0» net «!cidr» up since «!time»
== table
part;qty;lot;unit price
«!code»;40;«!badcard»;«!price»
«!code»;12;«!badcard»;«!price»
== forum
Which is nicer to drive, a «=Lincoln» or a «=Bentley»? Spare parts such as «!code» run to «!price» in «!place».
== forum
npm says «!pkg» is deprecated; clone «=git@code.example:lib/core.git» instead. Docs at «!url», section «=4.2.1.3».
== invoice
Gift card «!badcard» could not be redeemed
Returned transfer: «!badiban» does not exist
Balance «!price»
== news
«=Austin» hosts «=Jordan» on «!date»; last year's meeting ended «!score». Seats from «!price» at «!company».
== markdown
- [ ] reorder «!code» and «!code»
- [ ] ISBN «!isbn» for the shelf
- [ ] taste the «=Caesar» salad, «=June» menu
== note
Number range test: «!badssn» must be rejected by the form, «!badcard» too. Done on «!date».
== json
{"build": "«!ver4»", "commit": "«!hash»", "inventory": «!badcnid», "at": "«!date»"}
== scan
Fi g. 3: «=Hal ley»'s comet ,
«!coord» , plate «!code»
«=Bernoul li»'s law , p. 1998-2004
"""
TEST_ZH = """
== mail
你好，我是«zh1»，上周退回的耳机（单号«!order»）还没收到退款。有事请打«mob»或写信到«email1»。
== mail
售后部：贵司«=平台»显示我的证件号«cnid»与姓名«zh1»不符，请更正。旧档案里的«!badcnid»是录入错误。
== mail
«zhx1»经理：发票抬头写错了，应为«!zhco»。我的手机换成«mob:86»了。«zhg2»
== chat
客户：快递放门口就行，打«mob»
骑手：好的，«zhx1»先生，«=任何»时间都可以吗
== chat
«zhg1»你把«zhg2»的身份证发我一下
«cnid:low»
谢谢，«=方便»的话再发下合同«!num11»
== form
申请人：«zh1»
公民身份号码：«cnid»
联系方式：«mob:plain»
现住址：«!zhplace»市«=白云»区中山路6号
== form
联系人　　«zh1»
固定电话　«phone:cn»
移动电话　«mob:fw»
申请日期　«!zhdate»
== form
被保险人：«zh1»；证件：«cnid»；受益人：«zh2»；证件：«cnid»；保单：«!badcnid»
== table
序号	姓名	身份证	金额
1	«zh1»	«cnid»	«!yuan»
2	«zh2»	«cnid»	«!yuan»
== table
学生;家长;电话;班级
«zh1»;«zh2»;«mob»;三年二班
«zh3»;«zh4»;«mob»;三年一班
== log
[«!time»] 异常登录：账号«mob:plain»，来源«ip»，设备«!mac»
== log
«!date» 邮件退回 收件人=«email» 网关=«ip:v4» 版本=«!ver4»
== signature
祝好！
«zh1» 博士
«!zhco»研究院
座机«phone:cn»｜手机«mob»
== letter
委托书：本人«zh1»，身份证号码«cnid»，现委托«zh2»于«!zhdate»代为办理«=江苏»房产过户。
== forum
求购二手相机，预算«!yuan»，«=许多»卖家不回。我叫«zhg1»，请短信«mob»。«=程序»员优先，哈哈。
== forum
避雷！«!zhplace»的装修队长«zh1»收了«!yuan»定金就失联，电话«mob»停机，账号«!badcard»也是假的。
== invoice
付款方：«zh1»　卡号：«card»　金额：«!yuan»　流水：«!badcnid»　复核：«zhx2»会计
== reply
«zh1»于«!zhdate»写道：
> 请把«zhg2»的邮箱给我
«email2»，她«=向来»回得快。
== list
报名名单：
1. «zh1»（«mob»）
2. «zh2»（«mob»）
3. «=于是»改期，另行通知
== json
{"name": "«zh1»", "idcard": "«cnid»", "mobile": "«mob»", "trace": "«!uuid»"}
== scan
驾 驶 证
姓 名 «zh1»
证 号 «cnid»
档 案 «!num11»
初 次 领 证 «!date»
== note
«zhx1»老师下午来电，«=李子»和«=白菜»都到货了，«=金额»«!yuan»。回电«phone:cn»，外方账号«iban»。
"""
TEST_ZH_EMPTY = """
== mail
亲爱的会员：积分卡«!badcard»将于«!zhdate»到期，«=许多»好礼在«!zhplace»门店等您，满«!yuan»可用。
== chat
«=于是»我们坐«=黄河»边看日落，«=孙子»兵法都读完了，«=方便»面«!yuan»一桶
== forum
«=李宁»牌跑鞋货号«!code»在«!zhplace»断货，«=白天»去«=徐州»看看，坐标«!coord»。
== log
[«!time»] 心跳正常 节点«!hash» 版本«!ver4» 掩码«=255.255.255.0» 序号«!num11»
== news
«!zhplace»主场«!score»客队，«=吴江»赛区«!zhdate»揭幕，«=向往»冠军的球迷花«!yuan»买票，«=林业»局协办。
== invoice
品名：«=白酒»；货号«!code»；条码«!badcnid»；单价«!yuan»；书号«!isbn»
"""

SLOTS = {
    "email": "email", "phone": "phone", "card": "card", "iban": "iban", "ssn": "us_ssn",
    "mob": "cn_mobile", "cnid": "cn_id", "ip": "ip",
}  # fmt: skip
LISTED = {
    "place": {k: v.split(", ") for k, v in PLACES.items()},
    "company": {k: v.split(", ") for k, v in COMPANIES.items()},
    "zhplace": {k: v.split() for k, v in ZH_PLACES.items()},
    "zhco": {k: v.split() for k, v in ZH_COMPANIES.items()},
    "handle": {k: v.split() for k, v in HANDLES.items()},
}
SHAPES = {
    "order": ["ORD-######", "#20##-1#####", "PO 7####-#", "RMA00######", "@@-####-####", "40#-7######-3######"],
    "num": ["1####", "8#####", "4###"],
    "num9": ["4########", "7########"],
    "num11": ["20#########", "10#########", "00#########", "12#########"],
    "code": ["@@-4###-2###", "0800-@-11##", "555-01##-@", "10-44##-1##B", "@#@ ###-####-@", "77.1#.4#-@"],
    "ver": ["1.#.1#", "2.20.#", "3.11.#rc1", "0.#.#", "v4.#.0"],
    "ver4": ["10.0.190##.38##", "12.#.1#.4", "1.2.#.1#", "v3.1#.0.2", "4.18.#.300"],
    "track": ["1Z@@#A#0367######1", "JD01460000##########", "9400 1### #### #### #### ##", "@@#########DE"],
    "price": ["$1#.99", "€4##.00", "£#8.50", "1,2##.40 EUR", "USD 9#", "CHF 3#.–"],
    "yuan": ["1##元", "¥9#.50", "3,###.00元", "人民币8##元"],
    "cidr": ["10.#.0.0/16", "192.168.#.0/24", "2001:db8:#::/48", "172.16.0.0/12"],
    "bic": ["NWHF@@2L", "LUMB@@FFXXX", "OAKL@@21"],
    "pkg": ["react@18.2.#", "lodash@4.17.2#", "@types/node@20.#.1", "grace@1.#.0"],
}  # fmt: skip
AREAS = "201 212 303 312 415 503 617 702 808 917"
# Ranges kept for fiction where a country keeps some, else an invented block of 555 or 0000.
PHONES = {
    "us": ["(AAA) 555-01##", "AAA-555-01##", "+1 AAA 555-01##", "+1-AAA-555-01##", "AAA.555.01##",
           "1 (AAA) 555-01##", "+1AAA55501##", "(AAA) 555-01## ext. 2##", "AAA-555-01## x#7", "555-01##"],
    "uk": ["01632 960###", "+44 1632 960 ###", "(01632) 960-###", "020 7946 0###", "+44 (0)20 7946 0###",
           "07700 900###", "+44 7700 900 ###", "0161 496 0###"],
    "de": ["030 23125-###", "+49 30 23125 ###", "(040) 66969 ###", "+49 (0)89 99998-###", "069/90009###",
           "0049 221 4710 ###"],
    "fr": ["01 99 00 ## ##", "+33 1 99 00 ## ##", "06.39.98.##.##", "0033 6 39 98 ## ##", "02 61 91 ## ##",
           "+33 (0)4 65 71 ## ##"],
    "cn": ["010-5550####", "+86 21 5550 ####", "(0755) 5550####", "0571-5550####", "+86-10-5550-####",
           "028 5550 ####"],
}  # fmt: skip
# Countries of one part only: the other part has not shown how their numbers are written.
OTHER_PHONES = {
    "dev": ["(02) 5550 ####", "+61 2 7010 ####", "+91 22 5550 0###", "+234 800 555 0###",
            "+81-3-0000-####", "+34 900 555 0##", "+48 22 555 01 ##", "+90 (212) 555 0# ##"],
    "test": ["+353 20 915 ####", "(020) 911 ####", "070-174 06 ##", "+46 8 465 004 ##", "+84 24 5550 0###",
             "+55 (11) 5550-0###", "+52 55 5550 0###", "+966 11 555 0###", "+7 (495) 555-01-##"],
}  # fmt: skip
# Numbers that payment services publish for tests.
TEST_CARDS = {
    "dev": ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117",
            "30569309025904", "3530111333300000", "4012888888881881", "2223003122003222"],
    "test": ["4242424242424242", "5105105105105100", "371449635398431", "6011000990139424",
             "38520000023237", "3566002020360505", "4000056655665556", "5200828282828210"],
}  # fmt: skip
TEST_MOBILES = {
    "dev": [
        "13800138000",
        "13912345678",
        "18812345678",
        "17712345678",
        "13500000000",
        "15987654321",
    ],
    "test": [
        "13900000000",
        "18612345678",
        "13312345678",
        "18900000000",
        "13700000000",
        "15812345678",
    ],
}
# Country=national part: # a digit, @ a capital. National check digits are not kept.
IBANS = {
    "dev": ["DE=" + "#" * 18, "FR=" + "#" * 10 + "@#" + "#" * 11, "GB=@@@@" + "#" * 14, "NL=@@@@" + "#" * 10,
            "CH=" + "#" * 17, "PL=" + "#" * 24, "NO=" + "#" * 11],
    "test": ["DE=" + "#" * 18, "ES=" + "#" * 20, "IT=@" + "#" * 22, "GB=@@@@" + "#" * 14, "AT=" + "#" * 16,
             "SE=" + "#" * 20, "BE=" + "#" * 12, "PT=" + "#" * 21, "SA=##" + "#" * 18],
}  # fmt: skip


FRAMES = {
    ("dev", "en", True): DEV_EN,
    ("dev", "en", False): DEV_EN_EMPTY,
    ("dev", "zh", True): DEV_ZH,
    ("dev", "zh", False): DEV_ZH_EMPTY,
    ("test", "en", True): TEST_EN,
    ("test", "en", False): TEST_EN_EMPTY,
    ("test", "zh", True): TEST_ZH,
    ("test", "zh", False): TEST_ZH_EMPTY,
}


def frames(split: str, lang: str, personal: bool) -> list[tuple[str, str]]:
    """Return (kind of text, frame) of one part, in the order in which they are written above."""
    parts = re.split(r"^== ?(\w+)\n", FRAMES[split, lang, personal], flags=re.MULTILINE)[1:]
    return [(kind, text.rstrip("\n")) for kind, text in zip(parts[::2], parts[1::2], strict=True)]


# --- checks of numbers


def luhn(digits: str) -> bool:
    """Whether the digits end with their Luhn check digit (ISO/IEC 7812-1)."""
    values = [int(d) for d in reversed(digits)]
    return sum(values[::2] + [2 * v - 9 * (v > 4) for v in values[1::2]]) % 10 == 0


def mod97(iban: str) -> int:
    """Return the remainder of ISO 13616: 1 for a valid IBAN."""
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97


def cn_check(digits: str) -> str:
    """Return the eighteenth character for seventeen digits (GB 11643, ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(int(d) * pow(2, 17 - i, 11) for i, d in enumerate(digits)) % 11]


def pairs(line: str) -> tuple[list[str], list[str]]:
    given, family = line.split("|")
    return [n.strip() for n in given.split(",")], [n.strip() for n in family.split(",")]


def ascii_name(text: str) -> str:
    """Return the letters of a name as they would stand in a mail address."""
    for old, new in zip("đøßłıæ", ("d", "o", "ss", "l", "i", "ae"), strict=True):
        text = text.lower().replace(old, new)
    text = unicodedata.normalize("NFKD", text)
    return re.sub("[^a-z]", "", text)


class Person:
    """Somebody invented: a culture's given and family name, and how they are put together."""

    def __init__(self, maker: Maker, kind: str):
        rng, split = maker.rng, maker.split
        self.first_family = False
        self.han = kind in ("zh", "zhx", "zhg")
        if self.han or kind == "py":
            givens, families = pairs(ZH_NAMES[split])
            (self.given, given), (self.family, family) = (
                n.split() for n in (maker.draw(givens), maker.draw(families))
            )
            self.latin = (given, family)
            if kind == "py":
                self.given, self.family = given.title(), family.title()
                self.first_family = rng.random() < 0.5
            return
        if kind.startswith("word"):
            line = WORDS[split]
        else:
            line = maker.draw([*NAMES[split].strip().split("\n"), WORDS[split]])
        self.first_family = line.startswith("*")
        givens, families = pairs(line.lstrip("* "))
        self.given, self.family = maker.draw(givens), maker.draw(families)
        self.initial = rng.choice("ABCDEFGHJKLMPRST") if rng.random() < 0.25 else ""
        self.latin = (ascii_name(self.given), ascii_name(self.family))

    def written(self, style: str) -> str:
        upper, style = style.isupper(), style.lower()
        if self.han:
            return {"zhx": self.family, "zhg": self.given}.get(style, self.family + self.given)
        both = [self.given, self.family]
        if self.first_family:
            both = both[::-1]
        elif style in ("full", "rev") and getattr(self, "initial", ""):
            both = [f"{self.given} {self.initial}.", self.family]
        text = " ".join(both)
        if style in ("first", "lowf", "word"):
            text = self.given
        elif style == "last":
            text = self.family
        elif style == "rev":
            text = f"{self.family}, {both[0] if not self.first_family else self.given}"
        elif style == "init":
            letters = [w[0] for w in re.split("[ -]", self.given)]
            text = (".-" if "-" in self.given else ". ").join(letters) + ". " + self.family
        if style.startswith("low"):
            text = text.replace("İ", "i").lower()
        return text.upper() if upper else text


class Maker:
    """Draws the fillers of one part; identifiers never repeat."""

    def __init__(self, split: str, seed: int, used: set[str]):
        self.split, self.rng, self.used = split, random.Random(f"{seed} {split}"), used
        self.placeholders: set[str] = set()
        self.bags: dict[tuple, list] = {}

    def draw(self, options: list | str) -> str:
        """Draw one option; all come once before any comes again."""
        if isinstance(options, str):
            options = options.split(", ") if ", " in options else options.split()
        bag = self.bags.setdefault(tuple(options), [])
        if not bag:
            bag.extend(self.rng.sample(options, len(options)))
        return bag.pop()

    def digits(self, pattern: str) -> str:
        """Fill each # of a pattern with a digit."""
        return re.sub("#", lambda _: str(self.rng.randrange(10)), pattern)

    def once(self, make) -> str:
        """Call make until it returns what this run has not used."""
        for _ in range(1000):
            text = make()
            key = re.sub(r"\W", "", text).lower()
            if key not in self.used:
                self.used.add(key)
                return text
        raise RuntimeError(
            f"no fresh identifier in 1000 tries; the last was {text}: widen its shapes"
        )

    # --- identifiers

    def email(self, style: str, person: Person | None) -> str:
        rng = self.rng
        domain = self.draw(DOMAINS[self.split])
        if style == "info":
            return f"{self.draw(ROLES[self.split])}@{domain}"
        first, last = (person or Person(self, "full")).latin
        number = rng.randrange(2, 99)
        local = self.draw(
            ["{f}.{l}", "{i}{l}", "{f}_{l}", "{f}+{n}", "{l}.{f}", "{f}{n}", "{i}.{l}", "{f}-{l}",
             "{l}{n}", "{F}.{L}", "{q}", "{f}"]
        ).format(f=first, l=last, i=first[0], n=number, F=first.title(), L=last.title(),
                 q=rng.randrange(10**7, 10**9))  # fmt: skip
        if style == "obf":
            domain = domain.replace(".", self.draw(["[dot]", " dot ", " (dot) "]))
            return local + self.draw([" [at] ", " at ", " (at) "]) + domain
        text = f"{local}@{domain}"
        return text.upper() if style == "up" else text

    def phone(self, style: str) -> str:
        style = style or self.draw("us us uk uk de fr rest rest rest")
        shape = self.draw(PHONES[style] if style != "rest" else OTHER_PHONES[self.split])
        return self.digits(shape.replace("AAA", self.draw(AREAS)))

    def card(self, style: str) -> str:
        rng = self.rng
        if rng.random() < 0.25 and (
            known := [c for c in TEST_CARDS[self.split] if c not in self.used]
        ):
            number = rng.choice(known)
        else:
            start = self.draw("4 4 51 53 55 2221 2600 34 37 6011 62 3530")
            length = 15 if start in ("34", "37") else 16
            number = self.digits(start + "#" * (length - 1 - len(start)))
            number += next(c for c in "0123456789" if luhn(number + c))
        return number if style == "plain" else self.grouped(number, style)

    def grouped(self, number: str, style: str = "") -> str:
        sizes = {14: (4, 6, 4), 15: (4, 6, 5)}.get(len(number), (4, 4, 4, 4))
        cuts = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
        groups = [number[a:b] for a, b in itertools.pairwise(cuts)]
        if style == "br":
            return " ".join(groups[:2]) + "\n" + " ".join(groups[2:])
        return self.draw([" ", " ", "-", ""]).join(groups)

    def iban(self, style: str) -> str:
        country, shape = self.draw(IBANS[self.split]).split("=")
        bban = self.digits(shape)
        bban = re.sub("@", lambda _: self.rng.choice("ABCDEFGHKLMNPRSTVWX"), bban)
        text = f"{country}{98 - mod97(f'{country}00{bban}'):02d}{bban}"
        if style != "plain" and (style == "low" or self.rng.random() < 0.75):
            text = " ".join(text[i : i + 4] for i in range(0, len(text), 4))
        return text.lower() if style == "low" else text

    def ssn(self, style: str) -> str:
        rng = self.rng
        area = rng.choice([n for n in range(1, 900) if n != 666])
        parts = f"{area:03d}", f"{rng.randrange(1, 100):02d}", f"{rng.randrange(1, 10000):04d}"
        return ("" if style == "bare" else self.draw(["-", "-", "-", " "])).join(parts)

    def mob(self, style: str) -> str:
        known = [n for n in TEST_MOBILES[self.split] if n not in self.placeholders]
        if known and self.rng.random() < 0.3:
            number = known[0]
        else:  # blocks that no carrier had been given
            number = self.digits(self.draw("154 160 161 163 164 168 169 194") + "#" * 8)
        self.placeholders.add(number)
        spaced = f"{number[:3]} {number[3:7]} {number[7:]}"
        if style == "fw":
            return "".join(chr(ord(c) + 0xFEE0) for c in number)
        if style == "86":
            return self.draw(["+86 {s}", "+86{n}", "+86-{n}", "(+86){n}", "0086 {n}"]).format(
                s=spaced, n=number
            )
        if style == "plain":
            return number
        return (
            self.draw(["{n} ", "{n}", "{s}", "{h}", "+86 {n}"])
            .strip()
            .format(n=number, s=spaced, h=spaced.replace(" ", "-"))
        )

    def cnid(self, style: str) -> str:
        rng = self.rng
        wanted = "X" if style == "low" or rng.random() < 0.2 else ""
        while True:
            # A province and a city that exist, a county code that does not.
            region = self.draw(
                "110190 310191 440392 510193 330194 420195 610196 370297 230198 350299"
            )
            born = (
                f"{rng.randrange(1948, 2007)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
            )
            digits = region + born + f"{rng.randrange(1000):03d}"
            if wanted in cn_check(digits):
                break
        text = digits + cn_check(digits)
        if not style and rng.random() < 0.12:
            text = f"{text[:6]} {text[6:14]} {text[14:]}"
        return text.lower() if style == "low" else text

    def ip(self, style: str) -> str:
        rng = self.rng
        if style == "v4" or (not style and rng.random() < 0.6):
            net = self.draw("192.0.2. 198.51.100. 203.0.113. 10.#.1#. 192.168.#. 172.16.2#.")
            return self.digits(net) + str(rng.randrange(1, 255))
        host = f"{rng.randrange(1, 2**16):x}"
        full = ":".join(f"{rng.randrange(2**12, 2**16):x}" for _ in range(4))
        return self.draw(
            ["2001:db8::{h}", "2001:db8:{h}::1", "2001:0db8:0000:0000:{f}", "2001:DB8:{H}:7::A",
             "fe80::{f}", "2001:db8:0:1:{f}", "fd00:{h}::{h}"]
        ).format(h=host, H=host.upper(), f=full)  # fmt: skip

    # --- decoys

    def decoy(self, kind: str) -> str:
        while True:
            text = self.decoy_once(kind)
            digits = re.sub(r"\D", "", text)
            if not (13 <= len(digits) <= 19 and luhn(digits)):
                return text

    def decoy_once(self, kind: str) -> str:
        rng, split, digits = self.rng, self.split, self.digits
        year, month, day = rng.randrange(2015, 2027), rng.randrange(1, 13), rng.randrange(1, 29)
        if kind in LISTED:
            table = LISTED[kind]
            return self.draw(table[split])
        if kind == "zhdate":
            return f"{year}年{month}月{day}日"
        if kind == "date":
            names = "January March April May June August October".split()  # noqa: SIM905
            return self.draw(
                ["{y}-{m:02d}-{d:02d}", "{d:02d}.{m:02d}.{y}", "{d} {w} {y}", "{m}/{d}/{y}"]
                if self.lang == "en" else ["{y}-{m:02d}-{d:02d}", "{y}.{m}.{d}"]
            ).format(y=year, m=month, d=day, w=rng.choice(names))  # fmt: skip
        if kind == "time":
            return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"
        if kind == "badcard":
            number = digits(self.draw("4 5 2 9") + "#" * 15)
            number = self.grouped(number) if rng.random() < 0.5 else number
            return number
        if kind == "badiban":
            good = self.iban("")
            wrong = (int(good[2:4]) + rng.randrange(3, 40)) % 97
            return f"{good[:2]}{wrong:02d}{good[4:]}"
        if kind == "badssn":
            return digits(
                self.draw(
                    ["000-1#-3###", "666-2#-1###", "9##-1#-4###", "4##-00-2###", "2##-3#-0000"]
                )
            )
        if kind == "badcnid":
            number = digits(
                self.draw("1101901985 3101911972 4403922001 8800010000") + "0###1###"[:7]
            )
            return number + rng.choice([c for c in "0123456789" if c != cn_check(number)])
        if kind == "isbn":
            body = digits(self.draw(["978-0-3##-4####", "978-3-16-#####0", "978-7-11#-####1"]))
            values = [int(c) for c in re.sub(r"\D", "", body)][:12]
            return f"{body}-{-sum(v * (1 + 2 * (i % 2)) for i, v in enumerate(values)) % 10}"
        if kind == "hash":
            return "".join(rng.choice("0123456789abcdef") for _ in range(self.draw([7, 12, 40])))
        if kind == "uuid":
            text = "".join(rng.choice("0123456789abcdef") for _ in range(32))
            return "-".join((text[:8], text[8:12], "4" + text[13:16], "a" + text[17:20], text[20:]))
        if kind == "mac":
            return ":".join(f"{rng.randrange(256):02x}" for _ in range(6))
        if kind == "coord":
            return f"{rng.uniform(-60, 60):.4f}, {rng.uniform(-150, 150):.4f}"
        if kind == "score":
            return f"{rng.randrange(7)}{self.draw(['-', ':', '–'])}{rng.randrange(6)}"
        if kind == "url":
            path = self.draw(
                ["docs", "en/help?id=4471", "u/rose", "paris/2024-10-05", "~mark/notes"]
            )
            return f"https://{self.draw(DOMAINS[split])}/{path}"
        shapes = SHAPES[kind]
        text = digits(self.draw(shapes))
        if kind == "pkg":  # its @ is one
            return text
        return re.sub("@", lambda _: rng.choice("ABCDEFGHKLMNPRSTVWXZ"), text)

    # --- texts

    def text(self, lang: str, frame: str) -> tuple[str, list[dict], list[tuple[int, int, str]]]:
        """Fill a frame; return the text, its entities and its decoys (start, end, kind)."""
        self.lang = lang
        frame = re.sub("⟦(.*?)⟧", lambda m: self.rng.choice(m[1].split("|")), frame)
        slots = re.findall(r"«([a-zA-Z]+)(\d)?(?::\w+)?»", frame)
        people: dict[str, Person] = {}
        for kind, number in slots:
            if number and number not in people and kind != "email":
                while True:
                    person = Person(self, kind)
                    taken = {n for p in people.values() for n in (*p.latin, p.given, p.family)}
                    if not taken & {*person.latin, person.given, person.family}:
                        break
                people[number] = person
        text, entities, decoys, last = "", [], [], 0
        for slot in re.finditer(r"«([!=]?)([^»]*)»", frame):
            text += frame[last : slot.start()]
            last = slot.end()
            mark, body = slot.groups()
            if mark:
                filler = body if mark == "=" else self.decoy(body)
                decoys.append((len(text), len(text) + len(filler), "word" if mark == "=" else body))
            else:
                kind, number, style = re.fullmatch(r"([a-zA-Z]+)(\d?):?(\w*)", body).groups()
                if kind in SLOTS:
                    make = getattr(self, kind)
                    if kind == "email":
                        filler = self.once(lambda m=make, s=style, n=number: m(s, people.get(n)))
                    else:
                        filler = self.once(lambda m=make, s=style: m(s))
                    label = SLOTS[kind]
                else:
                    filler, label = people[number].written(kind), "name"
                entities.append({"start": len(text), "end": len(text) + len(filler), "type": label})
            text += filler
        return text + frame[last:], entities, decoys


def make(seed: int = SEED) -> list[dict]:
    """Return all rows; beside the written fields each has "frame" and "decoys"."""
    rows, used = [], set()
    for split in ("dev", "test"):
        maker, part = Maker(split, seed, used), []
        for (lang, personal), count in SHARES.items():
            written = frames(split, lang, personal)
            for i in range(count):
                number = i % len(written)
                kind, frame = written[number]
                text, entities, decoys = maker.text(lang, frame)
                part.append(
                    {
                        "split": split,
                        "lang": lang,
                        "kind_of_text": kind,
                        "text": text,
                        "entities": entities,
                        "frame": (split, lang, personal, number),
                        "decoys": decoys,
                    }
                )
        maker.rng.shuffle(part)
        rows += part
    return [{"id": f"p{i:04d}", **row} for i, row in enumerate(rows, 1)]


def write(target: Path = TARGET, seed: int = SEED) -> None:
    """Write the rows, one JSON object a line, in the order of their ids."""
    kept = ("id", "split", "lang", "kind_of_text", "text", "entities")
    lines = [json.dumps({k: row[k] for k in kept}, ensure_ascii=False) for row in make(seed)]
    target.write_bytes(("\n".join(lines) + "\n").encode("utf-8"))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
